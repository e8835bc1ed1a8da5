import { readFileSync } from "node:fs";

/** A process' resident memory over time. */
export interface Resident {
  sample(): void;
  /** Megabytes an hour, by least squares over the second half of the samples: the first is warming up. */
  slope(): number;
  /** Megabytes at the last sample. */
  last(): number;
}

/** Of Linux alone: it reads /proc. */
export function watchMemory(pid: number, now: () => number = () => performance.now()): Resident {
  const samples: { hours: number; megabytes: number }[] = [];
  return {
    sample() {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
      samples.push({ hours: now() / 3_600_000, megabytes: kilobytes / 1024 });
    },
    slope: () => slopeOf(samples.slice(Math.floor(samples.length / 2))),
    last: () => Math.round(samples.at(-1)?.megabytes ?? 0),
  };
}

/** Megabytes an hour. */
export function slopeOf(samples: readonly { hours: number; megabytes: number }[]): number {
  const mean = (of: (sample: (typeof samples)[number]) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [hours, megabytes] = [mean((sample) => sample.hours), mean((sample) => sample.megabytes)];
  const spread = mean((sample) => (sample.hours - hours) ** 2);
  const together = mean((sample) => (sample.hours - hours) * (sample.megabytes - megabytes));
  return spread === 0 ? 0 : together / spread;
}
