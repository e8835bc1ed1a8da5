/** A page with what stands between the two markers of a file made anew: `<!-- made from FILE: begin -->` and `… end -->`. */
export function withMadePart(page: string, file: string, text: string): string {
  const [begin, end] = [`<!-- made from ${file}: begin -->`, `<!-- made from ${file}: end -->`];
  const [before, rest = ""] = page.split(begin);
  const [, after] = rest.split(end);
  if (before === undefined || after === undefined) throw new Error(`the page lacks ${begin} or ${end}`);
  return `${before}${begin}\n\n${text}\n\n${end}${after}`;
}
