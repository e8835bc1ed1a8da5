/** Stands in for a worker: FAKE_WORKER says how it behaves. */
const behaviour = process.env["FAKE_WORKER"] ?? "";
console.log(`args ${process.argv.slice(2).join(" ")}`);
console.error(`redis ${process.env["REDIS_URL"]}`);

if (behaviour === "broken") process.exit(3);
const alive = setInterval(() => undefined, 60_000);
let asked = false;
const stop = () => {
  if (behaviour === "stubborn" || asked) return;
  asked = true;
  console.log("bye");
  clearInterval(alive);
};
process.on("SIGTERM", stop);
// As the real one does. It keeps the process alive while the channel is open, and ends it when the stack is gone.
process.on("disconnect", stop);
if (behaviour !== "never ready") process.send?.({ type: "ready" });
