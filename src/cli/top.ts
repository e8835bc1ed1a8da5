import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { createLogUpdate } from "log-update";
import type { Client } from "../client/index.ts";
import { untilAborted } from "../core/abort.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import type { CliDoors } from "./doors.ts";
import { toCoded } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { type FrameSize, renderTop, type TopLook } from "./top-frame.ts";

/** How often the view is drawn, in milliseconds. */
const refreshInterval = 1000;

/** How long workers may take to tell their jobs: less than a refresh. */
const askTimeout = "800ms";

/** A terminal has a second screen, for programs that fill it; the first comes back unchanged. The cursor is hidden there. */
const secondScreen = { enter: "\u001b[?1049h\u001b[H\u001b[?25l", leave: "\u001b[?25h\u001b[?1049l" };

/** `lovage top`: queues, workers and running jobs, again and again. */
export function addTopCommand(program: Command, run: Run, doors: CliDoors): void {
  program
    .command("top")
    .description("watch queues, workers and running jobs; q ends it")
    .option("--once", "print one view and end; so it is without a terminal")
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExamples:\n  lovage top\n  lovage top --once")
    .action(({ once = false }: { once?: boolean }) =>
      run(async ({ client, screen }) => {
        const look = () => lookAt(client());
        if (screen.json || once || doors.stdout.isTTY !== true) {
          const found = await look();
          screen.answer(found, () => renderTop(found, unlimited(screen), screen.colors));
          return exitCodes.success;
        }
        return watch(look, screen, doors);
      }),
    );
}

async function lookAt({ inspect }: Client<TaskTypes>): Promise<TopLook> {
  const [queues, workers, asked] = await Promise.all([
    inspect.queues(),
    inspect.workers(),
    inspect.active({ timeout: askTimeout }),
  ]);
  const active = asked.answers.flatMap(({ worker, answer }) => answer.map((job) => ({ ...job, worker })));
  active.sort((a, b) => b.running - a.running);
  return { at: new Date(), queues, workers, active, silent: asked.silent };
}

function unlimited({ width }: Screen): FrameSize {
  return { width, height: Number.POSITIVE_INFINITY };
}

async function watch(look: () => Promise<TopLook>, screen: Screen, doors: CliDoors): Promise<number> {
  const { stdout, signal, onKey } = doors;
  const over = new AbortController();
  const end = () => over.abort();
  const stopKeys = onKey?.((key) => {
    if (key === "q" || key === "Q" || key === "\u0003") end();
  });
  signal.addEventListener("abort", end);
  // If log-update hid the cursor, it would also end the process at a signal, before the terminal is put right.
  const draw = createLogUpdate(stdout as NodeJS.WriteStream, { showCursor: true });
  let drawn = "";
  let size = sizeOf(doors);
  stdout.write(secondScreen.enter);
  try {
    while (!over.signal.aborted) {
      const began = performance.now();
      // Whoever wants to leave does not wait for a Redis that is away.
      const found = await untilAborted(look(), over.signal).catch(toCoded);
      if (over.signal.aborted) break;
      const now = sizeOf(doors);
      if (now.width !== size.width || now.height !== size.height) {
        // The terminal has moved what was drawn; nothing of it can be drawn over.
        draw.clear();
        stdout.write("\u001b[2J\u001b[H");
        size = now;
      }
      if ("queues" in found) drawn = renderTop(found, size, screen.colors);
      // A Redis that is away for a moment is told of, below what was seen last.
      else drawn = withTrouble(drawn, `${found.code}: ${found.message}`, size, screen);
      draw(drawn);
      const left = refreshInterval - (performance.now() - began);
      await sleep(Math.max(100, left), undefined, { signal: over.signal }).catch(() => {});
    }
  } finally {
    signal.removeEventListener("abort", end);
    stopKeys?.();
    draw.done();
    stdout.write(secondScreen.leave);
  }
  return exitCodes.success;
}

function sizeOf({ stdout }: Pick<CliDoors, "stdout">): FrameSize {
  // The last line stays empty: a line break at its end would scroll the screen.
  return { width: stdout.columns ?? 80, height: (stdout.rows ?? 24) - 1 };
}

function withTrouble(drawn: string, text: string, { width, height }: FrameSize, { colors }: Screen): string {
  const lines = drawn.split("\n").slice(0, height - 1);
  return [...lines, colors.red(text.slice(0, width))].join("\n");
}
