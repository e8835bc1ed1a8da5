/** Bytes for people, in binary units; a dash where they are not known. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return "–";
  if (bytes < 2 ** 20) return `${(bytes / 2 ** 10).toFixed(0)} KiB`;
  if (bytes < 2 ** 30) return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
