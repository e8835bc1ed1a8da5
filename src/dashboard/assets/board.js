// Bull Board in the theme that was chosen on our pages, with a way back to them, and to the login when that has ended.
const chosen = localStorage.getItem("theme");
const settings = JSON.parse(localStorage.getItem("board-settings") ?? '{"state":{},"version":2}');
settings.state.theme = chosen ?? "system";
localStorage.setItem("board-settings", JSON.stringify(settings));

const back = document.createElement("a");
back.className = "lovage-back";
back.href = "/";
back.textContent = "← Lovage";
back.setAttribute("aria-label", "Back to the Lovage dashboard");
document.body.prepend(back);

const { send } = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.send = function (...given) {
  this.addEventListener("load", () => {
    if (this.status !== 401) return;
    location.href = `/login?ended=1&next=${encodeURIComponent(location.pathname + location.search)}`;
  });
  return send.apply(this, given);
};
