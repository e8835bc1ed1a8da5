// Loaded before anything is painted: the theme that was chosen here, else the system's, also when that changes.
const system = matchMedia("(prefers-color-scheme: dark)");

function showTheme() {
  const chosen = localStorage.getItem("theme");
  const theme = chosen === "light" || chosen === "dark" ? chosen : system.matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
}

showTheme();
system.addEventListener("change", showTheme);
document.documentElement.classList.add("js");
