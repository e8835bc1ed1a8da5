import { type Command, Option } from "commander";
import { LovageError } from "../core/errors.ts";
import { type Role, roles } from "../core/roles.ts";
import type { CliDoors } from "./doors.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";

/** `lovage users hash`: a line for the dashboard's file of users. */
export function addUsersCommands(program: Command, run: Run, doors: CliDoors): void {
  const users = program.command("users").description("who may log in at the dashboard");
  users
    .command("hash")
    .description("ask for a password and print a line for DASHBOARD_USERS_FILE")
    .argument("<name>", "the user's name")
    .addOption(new Option("--role <role>", "what the user may do").choices([...roles]).default("viewer"))
    .addHelpText(
      "after",
      `
Examples:
  lovage users hash ada --role operator >> /etc/lovage/users
  pass show lovage/ada | lovage users hash ada --role admin`,
    )
    .action((name: string, { role }: { role: Role }) =>
      run(async ({ screen }) => {
        const password =
          doors.onKey === undefined ? await readLine(doors) : await askTwice(doors, doors.onKey);
        screen.line(await doors.describeUser({ name, role, password }));
        return exitCodes.success;
      }),
    );
}

/** The first line of standard input. */
async function readLine({ stdin }: CliDoors): Promise<string> {
  let text = "";
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.includes("\n")) break;
  }
  return text.split(/\r?\n/)[0] ?? "";
}

/** Reads two lines key by key, so that the terminal shows nothing of them. */
async function askTwice({ stderr }: CliDoors, onKey: NonNullable<CliDoors["onKey"]>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let first: string | undefined;
  let text = "";
  const enter = () => {
    if (first === undefined) {
      first = text;
      text = "";
      stderr.write("\nAgain: ");
    } else if (first === text) resolve(text);
    else reject(new LovageError("INPUT_INVALID", "the two passwords differ", { field: "password" }));
  };
  stderr.write("Password: ");
  const stop = onKey((keys) => {
    // What is pasted comes as one.
    for (const key of keys) {
      if (key === "\r" || key === "\n") enter();
      else if (key === "\u0003" || key === "\u0004") {
        reject(new LovageError("INTERRUPTED", "no password was given"));
      } else if (key === "\u007f" || key === "\b") text = [...text].slice(0, -1).join("");
      else text += key;
    }
  });
  try {
    return await promise;
  } finally {
    stop();
    stderr.write("\n");
  }
}
