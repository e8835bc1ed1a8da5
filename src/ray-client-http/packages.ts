import { RayError } from "./errors.ts";
import type { CallOptions } from "./options.ts";
import type { Transport } from "./transport.ts";
import { type Package, type ZipOptions, zipFolder } from "./zip.ts";

/** Ray's dashboard takes requests of less than this many bytes (100 MiB). */
export const MAX_PACKAGE_BYTES = 100 * 1024 * 1024;

/** Folders for a Ray job's `working_dir`, kept by the cluster under names made from their content. */
export interface Packages {
  /** Reads and zips a folder; the same content has the same name on any machine. No request is made. */
  zip(folder: string, options?: ZipOptions): Promise<Package>;
  /** Whether the cluster has it. Asking also keeps it there for the next ten minutes. */
  exists(name: string, options?: CallOptions): Promise<boolean>;
  /**
   * Sends it when the cluster does not have it. Call it just before each submit: an unused package is dropped.
   * @throws RayError `RAY_PACKAGE_TOO_LARGE` from 100 MiB on, before anything is sent.
   */
  upload(pkg: Package, options?: CallOptions): Promise<{ uri: string; uploaded: boolean }>;
}

export function createPackages(transport: Transport): Packages {
  async function exists(name: string, options?: CallOptions): Promise<boolean> {
    try {
      await transport.send({ method: "GET", path: packagePath(name) }, options);
      return true;
    } catch (error) {
      if (error instanceof RayError && error.code === "RAY_NOT_FOUND") return false;
      throw error;
    }
  }
  return {
    zip: zipFolder,
    exists,
    async upload(pkg, options) {
      const path = packagePath(pkg.name);
      if (pkg.bytes.length >= MAX_PACKAGE_BYTES) {
        throw new RayError(
          "RAY_PACKAGE_TOO_LARGE",
          `the package ${pkg.name} has ${pkg.bytes.length} bytes and Ray takes less than ${MAX_PACKAGE_BYTES}; ` +
            "exclude what the program does not need, or put data where the nodes can read it",
          { method: "PUT", path },
        );
      }
      if (await exists(pkg.name, options)) return { uri: pkg.uri, uploaded: false };
      const { requestMs, uploadMs } = transport.settings.timeouts;
      const timeoutMs = Math.min(uploadMs, requestMs + uploadMs * (pkg.bytes.length / MAX_PACKAGE_BYTES));
      await transport.send({ method: "PUT", path, bytes: pkg.bytes, repeatable: true, timeoutMs }, options);
      return { uri: pkg.uri, uploaded: true };
    },
  };
}

function packagePath(name: string): string {
  if (!/^[A-Za-z0-9_-]+\.zip$/.test(name)) {
    throw new RayError("RAY_REJECTED", `"${name.slice(0, 80)}" is no name of a package: _ray_pkg_….zip`);
  }
  return `/api/packages/gcs/${name}`;
}
