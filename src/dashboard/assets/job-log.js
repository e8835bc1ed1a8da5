// A job's log as it is written. A stream that is opened again begins at the first line, so what is shown is dropped then.
const pre = document.querySelector("pre[data-log]");
const state = document.querySelector("[data-log-state]");
const mostLines = 5000;

function follow() {
  const stream = new EventSource(pre.dataset.log);
  let lines = [];
  let waiting = false;
  const show = () => {
    waiting = false;
    const atEnd = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 20;
    pre.textContent = lines.join("\n");
    if (atEnd) pre.scrollTop = pre.scrollHeight;
  };
  stream.onopen = () => {
    lines = [];
    state.textContent = "live";
  };
  stream.onmessage = ({ data }) => {
    lines.push(data);
    if (lines.length > mostLines) lines.shift();
    if (!waiting) requestAnimationFrame(show);
    waiting = true;
  };
  stream.onerror = () => {
    state.textContent = "reconnecting";
  };
  stream.addEventListener("end", () => {
    stream.close();
    show();
    state.textContent = "ended";
  });
  // A hidden window gives its stream back: browsers allow few to one server.
  document.addEventListener(
    "visibilitychange",
    () => {
      if (stream.readyState === EventSource.CLOSED) return;
      stream.close();
      document.addEventListener("visibilitychange", () => follow(), { once: true });
    },
    { once: true },
  );
}

if (pre !== null) {
  pre.scrollTop = pre.scrollHeight;
  follow();
}
