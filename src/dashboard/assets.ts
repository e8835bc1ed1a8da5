import { fileURLToPath } from "node:url";
import express, { Router } from "express";

/** The looks of the pages, for everybody: they hold no data. Browsers ask each time whether a file has changed. */
export function serveAssets(): Router {
  const router = Router();
  const options = { index: false, redirect: false, fallthrough: true } as const;
  for (const [path, file] of Object.entries(assets)) router.use(path, express.static(file, options));
  return router;
}

const own = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const vendor = (specifier: string) => fileURLToPath(import.meta.resolve(specifier));

/** Files for the browser, as they are: ours, and those of libraries. */
const assets = {
  "/assets/vendor/htmx.min.js": vendor("htmx.org/dist/htmx.min.js"),
  "/assets/vendor/sse.js": vendor("htmx-ext-sse/dist/sse.min.js"),
  "/assets/vendor/idiomorph-ext.min.js": vendor("idiomorph/dist/idiomorph-ext.min.js"),
  "/assets/vendor/uplot.js": vendor("uplot/dist/uPlot.esm.js"),
  "/assets/vendor/uplot.css": vendor("uplot/dist/uPlot.min.css"),
  "/assets": own("assets"),
};
