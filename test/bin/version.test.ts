import { expect, test } from "vitest";
import { versionOf } from "../../src/bin/version.ts";

test.each([
  [undefined, "1.2.3"],
  ["", "1.2.3"],
  ["3f0c6a525a7e", "1.2.3+3f0c6a525a7e"],
  [" main branch/7\n", "1.2.3+main-branch-7"],
])("of the release %j", (release, version) => {
  expect(versionOf("1.2.3", release)).toBe(version);
});
