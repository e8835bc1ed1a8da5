import { type Command, InvalidArgumentError } from "commander";
import { toMilliseconds } from "../core/durations.ts";
import { parseRate } from "../core/rate.ts";
import { type ApiKey, type ApiKeys, defaultApiRate } from "../queue/api-keys.ts";
import { duration } from "./arguments.ts";
import type { CliDoors } from "./doors.ts";
import { exitCodes } from "./exit-codes.ts";
import { formatMoment } from "./moments.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { renderTable } from "./table.ts";

/** `lovage keys`: the keys with which programs use the HTTP API. */
export function addKeyCommands(program: Command, run: Run, doors: CliDoors): void {
  const keys = program.command("keys").description("make, list and revoke keys of the HTTP API");
  const look = (use: (keys: ApiKeys, screen: Screen) => Promise<void>) =>
    run(async ({ screen }) => {
      const opened = await doors.openKeys();
      try {
        await use(opened, screen);
        return exitCodes.success;
      } finally {
        await opened.close();
      }
    });

  keys
    .command("create")
    .description("make a key; its token is printed this once")
    .argument("<name>", "what people shall call it")
    .requiredOption("--scope <scope...>", "read, control, enqueue, or enqueue: and a pattern of task names")
    .option("--expires <duration>", "after so long it is worth nothing (default: never)", duration)
    .option("--rate <rate>", "requests that it may make", rate, defaultApiRate)
    .option("--json", "print one JSON document: the key and its token")
    .addHelpText(
      "after",
      `
The token goes to standard output, everything else to standard error. It is kept nowhere: who loses it
makes another key.

Examples:
  lovage keys create reports --scope read
  lovage keys create shop --scope 'enqueue:tasks.data_tasks.*' read --expires 90d > shop.token`,
    )
    .action((name: string, flags: { scope: string[]; expires?: string; rate: string }) =>
      look(async (opened, screen) => {
        const { key, token } = await opened.create({
          name,
          scopes: flags.scope,
          rate: flags.rate,
          createdBy: doors.user(),
          ...(flags.expires && { expiresAt: new Date(Date.now() + toMilliseconds(flags.expires)) }),
        });
        screen.answer({ ...key, token }, () => token);
        screen.note(`key ${key.id} (${name}): ${key.scopes.join(", ")}; the token is shown this once`);
      }),
    );

  keys
    .command("list")
    .description("list the keys, the newest first")
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  lovage keys list")
    .action(() =>
      look(async (opened, screen) => {
        const all = await opened.list();
        screen.answer(all, () => listKeys(all, screen));
      }),
    );

  keys
    .command("revoke")
    .description("make a key worth nothing, at once")
    .argument("<id>", "the key's id: what follows the first _ of its token")
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  lovage keys revoke 1f0c3a5b7d9e")
    .action((id: string) =>
      look(async (opened, screen) => {
        await opened.revoke(id);
        screen.answer({ id, revoked: true }, () => `key ${id} is revoked`);
      }),
    );
}

function listKeys(keys: readonly ApiKey[], screen: Screen): string {
  if (keys.length === 0) return "no keys";
  const columns = [
    { head: "id" },
    { head: "name", wraps: true },
    { head: "scopes", wraps: true },
    { head: "rate" },
    { head: "made" },
    { head: "by" },
    { head: "expires" },
    { head: "last used" },
  ];
  const rows = keys.map((key) => [
    key.id,
    key.name,
    key.scopes.join(" "),
    key.rate,
    formatMoment(key.createdAt),
    key.createdBy,
    expiry(key),
    key.usedAt === null ? "never" : formatMoment(key.usedAt),
  ]);
  return renderTable(screen, columns, rows);
}

function expiry({ expiresAt }: ApiKey): string {
  if (expiresAt === null) return "never";
  return expiresAt.getTime() <= Date.now() ? "expired" : formatMoment(expiresAt);
}

function rate(text: string): string {
  try {
    parseRate(text);
    return text;
  } catch {
    throw new InvalidArgumentError('Write it as "10/s", "100/s" or "1000/m".');
  }
}
