// @ts-check
// Shows the OpenAPI document. A login's own requests bring its token; an API key is entered under "Authorize".
const { theme } = document.documentElement.dataset;
const dark = theme === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
document.documentElement.classList.toggle("dark-mode", dark);

const token = document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "";

// @ts-expect-error: the bundle's own global
window.SwaggerUIBundle({
  dom_id: "#api",
  url: "openapi.json",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null,
  /** @param {{ method?: string, headers: Record<string, string> }} request */
  requestInterceptor(request) {
    if (request.headers["Authorization"] === undefined) request.headers["x-xsrf-token"] = token;
    return request;
  },
});
