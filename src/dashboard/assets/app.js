// What pages need besides htmx: the CSRF token on its requests, and a question before what cannot be undone.
const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

document.body.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["x-xsrf-token"] = token;
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
