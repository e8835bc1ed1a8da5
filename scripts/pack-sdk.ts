/**
 * Builds the SDK for npm into dist/package, or the folder given: what the four doors reach, as JavaScript with types and
 * source maps. `npm pack` there makes the tarball.
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = resolve(process.argv[2] ?? join(root, "dist/package"));

/** Callers write their schemas with it, and two copies of it would not know each other's types. */
const peers = ["zod"];

interface RootPackage {
  name: string;
  version: string;
  description: string;
  license: string;
  dependencies: Record<string, string>;
  /** Door → file in src; inside the project the doors have the same names. */
  exports: Record<string, string>;
}

rmSync(target, { recursive: true, force: true });
const compile = ["-p", "tsconfig.sdk.json", "--outDir", join(target, "lib")];
execFileSync(join(root, "node_modules/.bin/tsc"), compile, { cwd: root, stdio: "inherit" });
const emitted = globSync("lib/**/*.{js,d.ts}", { cwd: target }).map((file) => join(target, file));
// The compiler rewrites the endings of imports in JavaScript only.
for (const file of emitted.filter((name) => name.endsWith(".d.ts")))
  writeFileSync(
    file,
    readFileSync(file, "utf8").replaceAll(/((?:from|import\()\s*"\.[^"]*)\.ts"/g, '$1.js"'),
  );

const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as RootPackage;
const needed = neededPackages(emitted);
const manifest = {
  name: own.name,
  version: own.version,
  description: own.description,
  license: own.license,
  type: "module",
  // Of what it needs, undici asks for the newest Node.
  engines: { node: ">=22.19" },
  sideEffects: false,
  exports: {
    ...Object.fromEntries(
      Object.entries(own.exports).map(([door, file]) => {
        const built = file.replace("./src/", "./lib/").replace(/\.ts$/, "");
        return [door, { types: `${built}.d.ts`, default: `${built}.js` }];
      }),
    ),
    "./package.json": "./package.json",
  },
  dependencies: versions(needed.filter((name) => !peers.includes(name))),
  peerDependencies: versions(needed.filter((name) => peers.includes(name))),
};
writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync(join(root, "scripts/pack-sdk/README.md"), join(target, "README.md"));
copyFileSync(join(root, "LICENSE"), join(target, "LICENSE"));
process.stdout.write(`${own.name} ${own.version}: ${emitted.length} files in ${target}\n`);

/** The packages that the emitted files import. */
function neededPackages(files: readonly string[]): string[] {
  const names = files.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    const imports = text.matchAll(/^(?:import|export|\}).*\bfrom "([^"]+)";$|\bimport\("([^"]+)"\)/gm);
    const specifiers = [...imports].map((match) => match[1] ?? match[2] ?? "");
    return specifiers.filter((specifier) => !/^(\.|node:|$)/.test(specifier));
  });
  return [...new Set(names.map((name) => name.split("/")[0] ?? ""))].sort();
}

function versions(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => {
      const range = own.dependencies[name];
      if (range === undefined) throw new Error(`the SDK imports ${name}, which package.json does not name`);
      return [name, range];
    }),
  );
}
