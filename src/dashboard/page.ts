import type { Request, Response } from "express";
import { type Children, type Html, renderDocument } from "./html.ts";
import { Layout } from "./layout.ts";

export interface Page {
  /** Of the document, and the page's heading. */
  title: string;
  /** The link of the navigation that is marked, such as "/workers". */
  section: string;
  content: Html | Children;
}

/** Answers with a whole page, in the common look. */
export function sendPage(request: Request, response: Response, page: Page): void {
  response.type("html").send(
    renderDocument(
      Layout({
        ...page,
        viewer: request.viewer,
        csrfToken: response.locals["csrfToken"] ?? "",
        version: response.locals["version"] ?? "",
        flash: response.locals["flash"],
      }),
    ),
  );
}
