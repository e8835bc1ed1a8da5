// The list of jobs: selecting several, and not being refreshed meanwhile; stopping a search that goes on by itself.
const picks = () => [...document.querySelectorAll('input[name="job"]')];

function count() {
  const all = picks();
  const chosen = all.filter((pick) => pick.checked).length;
  const bar = document.getElementById("picked");
  if (bar === null) return;
  bar.querySelector("[data-picked]").textContent = `With ${chosen} selected:`;
  for (const button of bar.querySelectorAll("button")) button.disabled = chosen === 0;
  const whole = document.querySelector("[data-pick-all]");
  whole.checked = chosen > 0 && chosen === all.length;
  whole.indeterminate = chosen > 0 && chosen < all.length;
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-pick-all]")) for (const pick of picks()) pick.checked = target.checked;
  if (target.matches('[data-pick-all], input[name="job"]')) count();
});

let stopped = false;
document.addEventListener("click", ({ target }) => {
  if (target.matches("[data-stop]")) {
    stopped = true;
    target.remove();
  }
  if (target.matches("a.on")) stopped = false;
});

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { id } = event.target;
  const selecting = picks().some((pick) => pick.checked);
  const further = document.querySelector("#more[data-further]") !== null;
  if (id === "jobs" && (selecting || further)) event.preventDefault();
  if (stopped && event.target.matches("#more a.on")) event.preventDefault();
});
document.body.addEventListener("htmx:afterSettle", count);
count();
