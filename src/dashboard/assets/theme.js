// Loaded before anything is painted: the theme that was chosen here, else the system's.
const stored = localStorage.getItem("theme");
if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
document.documentElement.classList.add("js");
