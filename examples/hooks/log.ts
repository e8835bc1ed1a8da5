import { open } from "node:fs/promises";

/** A file of the worker's own: a stand-in for a pool of database connections. */
export interface Log {
  write(line: string): void;
  close(): Promise<void>;
}

export async function openLog(): Promise<Log> {
  const file = await open(process.env["SHOP_LOG"] ?? "shop.log", "a");
  let written: Promise<unknown> = Promise.resolve();
  return {
    write(line) {
      written = written.then(() => file.appendFile(`${line}\n`));
    },
    async close() {
      await written;
      await file.appendFile("closed\n");
      await file.close();
    },
  };
}
