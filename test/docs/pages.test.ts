import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { lovage } from "../cli/scripted-doors.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = ["README.md", ...readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"))].map(
  (name) => (name === "README.md" ? name : join("docs", name)),
);

/** Where a page names `lovage word word`, as far as the words can be commands. */
function commandsOf(text: string): string[][] {
  const said = [...text.matchAll(/(?:^|[`|] ?|npx )lovage ((?:[a-z-]+ ?)+)/gm)].map(
    ([, words = ""]) => words,
  );
  return said.map((words) => words.trim().split(/ +/));
}

test.each(pages)("%s links to files that are there", (page) => {
  const text = readFileSync(join(root, page), "utf8");
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, link = ""]) => link);
  const broken = links.filter((link) => !existsSync(join(root, dirname(page), link)));
  expect(broken).toEqual([]);
});

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(file: string): string[] {
  const text = readFileSync(file, "utf8").replace(/^```.*?^```/gms, "");
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replace(/ /g, "-"),
  );
}

test.each(pages)("%s links to headings that are there", (page) => {
  const text = readFileSync(join(root, page), "utf8");
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)];
  const broken = links.filter(([, file = "", anchor = ""]) => {
    const target = join(root, file === "" ? page : join(dirname(page), file));
    return target.endsWith(".md") && !anchorsOf(target).includes(anchor);
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

test("the commands that the pages name exist", async () => {
  const named = new Map<string, string>();
  for (const page of pages) {
    for (const path of commandsOf(readFileSync(join(root, page), "utf8"))) named.set(path.join(" "), page);
  }
  expect(named.size).toBeGreaterThan(30);
  const groups = ["inspect", "control", "dead", "ray", "schedules", "keys"];
  const wrong = [];
  for (const [words, page] of named) {
    const [first = "", second] = words.split(" ");
    const path = groups.includes(first) && second !== undefined ? [first, second] : [first];
    const { code, stdout } = await lovage([...path, "--help"]);
    if (code !== 0 || !stdout.includes(`lovage ${path.join(" ")}`)) wrong.push(`${page}: lovage ${words}`);
  }
  expect(wrong).toEqual([]);
});
