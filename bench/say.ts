/** Tells that the suite lives; on standard error, so that `--json` stays one document. */
export function say(text: string): void {
  process.stderr.write(`  ${text}\n`);
}
