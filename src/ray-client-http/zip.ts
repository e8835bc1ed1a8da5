import { createHash } from "node:crypto";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, matchesGlob, relative, sep } from "node:path";
import { promisify } from "node:util";
import { type AsyncZipOptions, type AsyncZippable, zip } from "fflate";
import { RayError } from "./errors.ts";

export interface ZipOptions {
  /** Globs over paths from the folder on, with `/`; a folder that matches is left out whole. */
  exclude?: readonly string[] | undefined;
}

export interface Package {
  bytes: Uint8Array;
  /** `_ray_pkg_<hash of the content>.zip` */
  name: string;
  /** `gcs://<name>`, for `runtimeEnv.working_dir`. */
  uri: string;
}

// Ray's own limit for what the cluster keeps; it also bounds our memory.
const MAX_FOLDER_BYTES = 512 * 1024 * 1024;

const entryOptions: AsyncZipOptions = {
  level: 6,
  // Zip stores local time without a zone, and fflate reads the date's local fields: made of local fields it is the
  // same everywhere. An instant would not be.
  mtime: new Date(1980, 0, 1, 12),
  os: 3,
  // Ray restores modes. One for all, since not every machine that packs knows them; 755 leaves scripts runnable.
  attrs: (0o100755 << 16) >>> 0,
};

const zipAsync = promisify<AsyncZippable, Uint8Array>(zip);

/**
 * Zips a folder's files: sorted, with fixed times and modes. Left out are names that begin with a dot (`.git`, `.venv`,
 * `.env`), `__pycache__` and `*.pyc`; a link within the folder is stored as what it points at.
 * @throws RayError `RAY_PACKAGE_INVALID` when the folder cannot be read, is empty, or a link leaves it;
 * `RAY_PACKAGE_TOO_LARGE` when its files are more than 512 MiB.
 */
export async function zipFolder(folder: string, { exclude = [] }: ZipOptions = {}): Promise<Package> {
  const root = await realpath(folder).catch((cause: unknown) => {
    throw new RayError("RAY_PACKAGE_INVALID", `the folder ${folder} cannot be read`, { cause });
  });
  const files = new Map<string, Uint8Array>();
  let total = 0;

  async function add(directory: string, prefix: string, ancestors: readonly string[]): Promise<void> {
    for (const name of await readdir(directory)) {
      const path = prefix + name;
      if (isSkipped(name) || exclude.some((glob) => matchesGlob(path, glob))) continue;
      const real = await resolveInside(root, join(directory, name), path);
      const found = await stat(real);
      if (found.isDirectory()) {
        if (ancestors.includes(real)) throw invalid(path, "is a link to a folder it lies in");
        await add(real, `${path}/`, [...ancestors, real]);
      } else if (found.isFile()) {
        total += found.size;
        if (total > MAX_FOLDER_BYTES) {
          const message = `the files of ${folder} have more than ${MAX_FOLDER_BYTES} bytes; exclude what is not needed`;
          throw new RayError("RAY_PACKAGE_TOO_LARGE", message);
        }
        files.set(path, await readFile(real));
      } else {
        throw invalid(path, "is neither a file nor a folder");
      }
    }
  }

  try {
    await add(root, "", [root]);
  } catch (cause) {
    if (cause instanceof RayError) throw cause;
    throw new RayError("RAY_PACKAGE_INVALID", `the folder ${folder} cannot be read`, { cause });
  }
  if (files.size === 0)
    throw new RayError("RAY_PACKAGE_INVALID", `the folder ${folder} has no files to send`);
  const sorted = [...files].sort(([one], [other]) => (one < other ? -1 : 1));
  const name = `_ray_pkg_${hashOf(sorted)}.zip`;
  const bytes = await zipAsync(
    Object.fromEntries(sorted.map(([path, file]) => [path, [file, entryOptions]])),
  );
  return { bytes, name, uri: `gcs://${name}` };
}

function isSkipped(name: string): boolean {
  return name.startsWith(".") || name === "__pycache__" || name.endsWith(".pyc");
}

async function resolveInside(root: string, path: string, shown: string): Promise<string> {
  const real = await realpath(path).catch((cause: unknown) => {
    throw new RayError("RAY_PACKAGE_INVALID", `${shown} points at nothing`, { cause });
  });
  const inside = relative(root, real);
  if (inside === ".." || inside.startsWith(`..${sep}`)) throw invalid(shown, "is a link out of the folder");
  return real;
}

function invalid(path: string, why: string): RayError {
  return new RayError("RAY_PACKAGE_INVALID", `${path} ${why}; remove or exclude it`);
}

// Of the files, not of the zip: another version of the compressor must not change the name.
function hashOf(files: readonly (readonly [string, Uint8Array])[]): string {
  const hash = createHash("sha256");
  for (const [path, bytes] of files)
    hash.update(`${Buffer.byteLength(path)}:${path}${bytes.length}:`).update(bytes);
  return hash.digest("hex").slice(0, 40);
}
