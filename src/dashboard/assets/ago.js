/** How long ago, in words; a negative time is still to come. Both the server and the browser write it. */
export function formatAgo(milliseconds) {
  const seconds = Math.round(Math.abs(milliseconds) / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  let text = `${seconds}s`;
  if (hours >= 48) text = `${Math.floor(hours / 24)}d ${hours % 24}h`;
  else if (hours > 0) text = `${hours}h ${minutes % 60}m`;
  else if (minutes > 0) text = `${minutes}m ${seconds % 60}s`;
  return milliseconds < 0 ? `in ${text}` : `${text} ago`;
}
