import manifest from "../../package.json" with { type: "json" };

/** The version of Lovage, and, where it was deployed, of which release it is part: `0.1.0+3f0c6a525a7e`. */
export const version = versionOf(manifest.version, process.env["LOVAGE_RELEASE"]);

/** In the form of semantic versions, whose build metadata has no other characters. */
export function versionOf(number: string, release: string | undefined): string {
  const build = (release ?? "").trim().replaceAll(/[^0-9A-Za-z.-]+/g, "-");
  return build === "" ? number : `${number}+${build}`;
}
