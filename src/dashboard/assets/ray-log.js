// Shows a Ray job's log as it is written, until the Ray job ends.
const log = document.getElementById("log");
const state = document.getElementById("log-state");
const mostLines = 2000;
const source = new EventSource(log.dataset.source);
let shown = 0;
let left = 0;

function tell(text) {
  state.textContent = left > 0 ? `${text}; ${left.toLocaleString("en-US")} earlier lines are left out` : text;
}

function add(lines) {
  // Whoever has scrolled back reads on undisturbed.
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(...lines.map((line) => document.createTextNode(`${line}\n`)));
  shown += lines.length;
  for (; shown > mostLines; shown -= 1, left += 1) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

source.addEventListener("open", () => {
  // After a break the log comes from its beginning again.
  log.replaceChildren();
  shown = 0;
  left = 0;
  tell("following");
});
source.addEventListener("lines", (event) => {
  const told = JSON.parse(event.data);
  left += told.left;
  add(told.lines);
  tell("following");
});
source.addEventListener("end", () => {
  source.close();
  tell(shown === 0 ? "the log is empty, or gone with its node" : "the log has ended");
});
source.addEventListener("trouble", (event) => {
  source.close();
  const { code, message } = JSON.parse(event.data);
  tell(`${code}: ${message}`);
});
source.addEventListener("error", () => tell("the connection broke; connecting again …"));
