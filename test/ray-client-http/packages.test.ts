import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { strFromU8, unzipSync } from "fflate";
import { describe, expect, it, onTestFinished } from "vitest";
import { MAX_PACKAGE_BYTES } from "../../src/ray-client-http/index.ts";
import { zipFolder } from "../../src/ray-client-http/zip.ts";
import { reset, silence, text } from "../support/scripted-ray-server.ts";
import { failure, scripted } from "./fixture.ts";

async function folderOf(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ray-package-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

const program = {
  "main.py": "print(1)\n",
  "lib/a.py": "a = 1\n",
  "lib/b/c.py": "c = 1\n",
  "10": "x",
  "9": "y",
};

describe("zip", () => {
  it("holds the files, without hidden ones, caches and what is excluded", async () => {
    const folder = await folderOf({
      ...program,
      ".git/config": "",
      ".venv/lib/x.py": "",
      ".env": "SECRET=1",
      "lib/.hidden/x": "",
      "__pycache__/main.cpython-311.pyc": "",
      "lib/a.pyc": "",
      "data/big.csv": "1",
      "lib/notes.md": "",
    });
    const { bytes } = await zipFolder(folder, { exclude: ["data", "**/*.md"] });
    const files = Object.entries(unzipSync(bytes)).map(([path, content]) => [path, strFromU8(content)]);
    expect(Object.fromEntries(files)).toEqual(program);
  });

  it("is the same, byte for byte, elsewhere, at another time, in another order and time zone", async () => {
    const folder = await folderOf(program);
    const copy = await folderOf({});
    for (const path of ["lib", "9", "main.py", "10"])
      await cp(join(folder, path), join(copy, path), { recursive: true });
    await utimes(join(copy, "main.py"), 1, 1);
    const one = await zipFolder(folder);
    const other = await zipFolder(copy);
    expect(other.name).toBe(one.name);
    expect(other.bytes).toEqual(one.bytes);
    expect(one.name).toMatch(/^_ray_pkg_[0-9a-f]{40}\.zip$/);
    expect(one.uri).toBe(`gcs://${one.name}`);
    const script = `
      import { zipFolder } from ${JSON.stringify(join(import.meta.dirname, "../../src/ray-client-http/zip.ts"))};
      console.log(Buffer.from((await zipFolder(process.argv[1])).bytes).toString("base64"));`;
    for (const TZ of ["Pacific/Kiritimati", "America/Los_Angeles"]) {
      const env = { ...process.env, TZ };
      const out = execFileSync(process.execPath, ["--input-type=module", "-e", script, folder], { env });
      expect(out.toString().trim()).toBe(Buffer.from(one.bytes).toString("base64"));
    }
  });

  it("is sorted by whole paths, not folder by folder", async () => {
    const { bytes } = await zipFolder(
      await folderOf({ "lib/a.py": "", "lib-x.py": "", "a.py": "", "B.py": "" }),
    );
    expect(Object.keys(unzipSync(bytes))).toEqual(["B.py", "a.py", "lib-x.py", "lib/a.py"]);
  });

  it("has another name for another content, path or division of the same letters", async () => {
    const names = await Promise.all(
      [program, { ...program, "9": "z" }, { a: "bc" }, { ab: "c" }, { a: "b", c: "" }].map(
        async (files) => (await zipFolder(await folderOf(files))).name,
      ),
    );
    expect(new Set(names).size).toBe(5);
  });

  it("keeps what a link within points at, refuses one that leaves, leads in a circle or nowhere", async () => {
    const within = await folderOf(program);
    await symlink("main.py", join(within, "also.py"));
    await symlink("lib", join(within, "lib2"));
    expect(Object.keys(unzipSync((await zipFolder(within)).bytes)).sort()).toEqual(
      [...Object.keys(program), "also.py", "lib2/a.py", "lib2/b/c.py"].sort(),
    );
    for (const target of ["/etc/hostname", "/etc", "..", ".", "lib/../..", "nowhere"]) {
      const folder = await folderOf(program);
      await symlink(target, join(folder, "link"));
      expect(await failure(zipFolder(folder)), target).toMatchObject({ code: "RAY_PACKAGE_INVALID" });
      expect((await zipFolder(folder, { exclude: ["link"] })).bytes.length).toBeGreaterThan(0);
    }
  });

  it("is RAY_PACKAGE_INVALID for a folder that is missing, a file, or empty", async () => {
    const folder = await folderOf(program);
    for (const path of [join(folder, "nope"), join(folder, "main.py"), await folderOf({ ".env": "1" })]) {
      expect(await failure(zipFolder(path))).toMatchObject({ code: "RAY_PACKAGE_INVALID" });
    }
  });
});

describe("upload", () => {
  const pkg = {
    name: "_ray_pkg_0a.zip",
    uri: "gcs://_ray_pkg_0a.zip",
    bytes: new Uint8Array([80, 75, 5, 6, 7]),
  };
  const path = "/api/packages/gcs/_ray_pkg_0a.zip";
  const missing = text(404, "Package gcs://_ray_pkg_0a.zip does not exist");

  it("sends the bytes when the cluster lacks them, through a reset; only asks when it has them", async () => {
    const { ray, client } = await scripted();
    ray.on("GET", path, missing, text(200, ""));
    ray.on("PUT", path, reset, text(503, ""), text(200, ""));
    expect(await client.packages.upload(pkg)).toEqual({ uri: pkg.uri, uploaded: true });
    expect(ray.seen("PUT", path).map(({ body }) => [...body])).toEqual(Array(3).fill([80, 75, 5, 6, 7]));
    expect(await client.packages.upload(pkg)).toEqual({ uri: pkg.uri, uploaded: false });
    expect(ray.seen("PUT", path)).toHaveLength(3);
  });

  it("notices soon that a small package is not answered", async () => {
    const { ray, client } = await scripted({ timeouts: { requestMs: 300 } });
    ray.on("GET", path, missing);
    ray.on("PUT", path, silence);
    expect(await failure(client.packages.upload(pkg))).toMatchObject({ code: "RAY_TIMEOUT" });
  });

  it("is RAY_PACKAGE_TOO_LARGE from 100 MiB on, before anything is sent", async () => {
    const { ray, client } = await scripted();
    const large = { ...pkg, bytes: new Uint8Array(MAX_PACKAGE_BYTES) };
    expect(await failure(client.packages.upload(large))).toMatchObject({ code: "RAY_PACKAGE_TOO_LARGE" });
    expect(ray.requests).toHaveLength(0);
  });

  it("knows a missing package from a missing route", async () => {
    const { ray, client } = await scripted();
    expect(await failure(client.packages.exists(pkg.name))).toMatchObject({ code: "RAY_PROTOCOL" });
    ray.on("GET", path, missing);
    expect(await client.packages.exists(pkg.name)).toBe(false);
    expect(await failure(client.packages.exists("../jobs/"))).toMatchObject({ code: "RAY_REJECTED" });
  });
});
