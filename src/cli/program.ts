import { Command, CommanderError } from "commander";
import { untilAborted } from "../core/abort.ts";
import { LovageError } from "../core/errors.ts";
import type { CliDoors } from "./doors.ts";
import { toCoded } from "./error-report.ts";
import { exitCodeOf, exitCodes, exitCodesHelp } from "./exit-codes.ts";
import { isProcess } from "./process-names.ts";
import type { Call, Run } from "./run.ts";
import { createScreen } from "./screen.ts";

/**
 * Parses the arguments (without node and script), runs the command, and resolves to the exit code. It rejects never:
 * errors are told on the doors' streams.
 */
export async function runCli(argv: readonly string[], doors: CliDoors): Promise<number> {
  const screen = createScreen(doors, argv.includes("--json"));
  let exitCode: number = exitCodes.success;
  let client: ReturnType<Call["client"]> | undefined;
  let tellInterrupt: Parameters<Call["onInterrupt"]>[0] = () => ({ message: "interrupted" });

  const run: Run = async (command) => {
    const call: Call = {
      screen,
      client() {
        client ??= doors.openClient();
        return client;
      },
      onInterrupt(tell) {
        tellInterrupt = tell;
      },
    };
    exitCode = await untilAborted(command(call), doors.signal);
  };

  const program = createProgram(doors, screen.json);
  // A process that stays up loads no more than itself.
  const { addCommands } = isProcess(argv[0])
    ? await import("./process-commands.ts")
    : await import("./commands.ts");
  addCommands(program, run, doors);

  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.success;
      // Without a command commander has shown the help already.
      if (error.code !== "commander.help" || screen.json) screen.error(usageError(error, program, argv));
      return exitCodes.usage;
    }
    if (doors.signal.aborted) {
      const { message, hint } = tellInterrupt();
      if (screen.json) screen.error(new LovageError("INTERRUPTED", message, { hint }));
      else screen.note(hint === undefined ? message : `${message}; ${hint}`);
      return exitCodes.interrupted;
    }
    const coded = toCoded(error);
    screen.error(coded);
    return exitCodeOf(coded.code);
  } finally {
    screen.close();
    // What the command had to say is said; a connection that ends badly changes nothing.
    await client?.close().catch(() => {});
  }
}

function createProgram(doors: CliDoors, json: boolean): Command {
  const terminalWidth = ({ isTTY, columns }: CliDoors["stdout"]) => (isTTY === true ? (columns ?? 80) : 100);
  return new Command("lovage")
    .description("A task queue for TypeScript that treats Ray jobs as first-class citizens")
    .version(doors.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => doors.stdout.write(text),
      writeErr: (text) => json || doors.stderr.write(text),
      // Told by runCli, in the form of every other error.
      outputError: () => {},
      getOutHelpWidth: () => terminalWidth(doors.stdout),
      getErrHelpWidth: () => terminalWidth(doors.stderr),
    })
    .showSuggestionAfterError()
    .addHelpText("afterAll", exitCodesHelp);
}

/** Commander's words as an error of ours: its suggestion becomes the hint. */
function usageError(error: CommanderError, program: Command, argv: readonly string[]): LovageError {
  const [said = "", suggested] = error.message.replace(/^error: /, "").split("\n");
  let command = program;
  const path = [program.name()];
  for (const word of argv) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) break;
    command = next;
    path.push(word);
  }
  const help = `see ${path.join(" ")} --help`;
  const meant = /^\(Did you mean (.*)\?\)$/.exec(suggested ?? "")?.[1];
  const message = error.code === "commander.help" ? `${path.join(" ")} needs a command` : said;
  return new LovageError("USAGE", message, {
    hint: meant === undefined ? help : `did you mean ${meant}? ${help}`,
  });
}
