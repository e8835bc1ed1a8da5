import { createClock, createEagerClient, expectEnqueued, perform, performOutcome } from "lovage/testing";
import { expect, test } from "vitest";
import { catalogue, checkOut, forecast, sendReceipt } from "./tasks.ts";

const order = { email: "ada@example.org", prices: [3, 4] };

test("one attempt: what it gives and what it does", async () => {
  const done = await perform(checkOut, order, { catalogue, job: { id: "7", attempt: 2 } });
  expect(done.output).toEqual({ total: 7 });
  expect(done.progress).toEqual([{ fraction: 0.5, message: "paid" }]);
  expect(expectEnqueued(done, sendReceipt, { total: 7 }).id).toBe("receipt-7");
});

test("an attempt that does not complete is an outcome", async () => {
  const { outcome } = await performOutcome(checkOut, order);
  expect(outcome).toMatchObject({ type: "retry", delay: 30_000, error: { code: "RETRY_REQUESTED" } });
});

test("bad input is refused as a worker refuses it", async () => {
  const empty = perform(checkOut, { ...order, prices: [] });
  await expect(empty).rejects.toMatchObject({ code: "INPUT_INVALID", field: "prices" });
});

test("a Ray task: the test says what its program does", async () => {
  const ray = { progress: [{ fraction: 1, message: "fitted" }], result: { sales: [1, 2] } };
  const { output } = await perform(forecast, { days: 2 }, { ray });
  expect(output.sales).toHaveLength(2);
  const failure = { code: "INPUT_NO_SALES", message: "nothing was ever sold" };
  await expect(perform(forecast, { days: 2 }, { ray: { failure } })).rejects.toMatchObject(failure);
});

test("a client that runs jobs itself, with all their attempts and what they enqueue", async () => {
  const client = createEagerClient(catalogue);
  const job = await client.enqueue("shop.check_out", order);
  expect(await job.result()).toEqual({ total: 7 });
  expect((await job.snapshot()).attempt).toBe(2);
  expectEnqueued(client, sendReceipt, { to: "ada@example.org" });
});

test("or runs them when it is told to, and time is moved by hand", async () => {
  const clock = createClock("2027-01-01T08:00:00Z");
  const client = createEagerClient(catalogue, { run: "on-drain", clock });
  const job = await client.enqueue("shop.send_receipt", { to: "a@b.org", total: 1 }, { delay: "1h" });
  expect(await job.state()).toBe("scheduled");
  await clock.advance("1h");
  expect(await job.state()).toBe("waiting");
  expect(await client.drain()).toMatchObject({ completed: 1 });
  expect(await job.state()).toBe("completed");
});
