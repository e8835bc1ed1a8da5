// Bull Board in the theme that was chosen on our pages, and a way back to them.
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
