export function formatAgo(milliseconds: number): string;
