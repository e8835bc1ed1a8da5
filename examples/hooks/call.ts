import { createClient, LovageError } from "lovage";
import { catalogue, type Tasks } from "./tasks.ts";
import { trace } from "./trace.ts";

const client = createClient<Tasks>({
  redis: { url: process.env["REDIS_URL"], prefix: process.env["REDIS_PREFIX"] },
  catalogue,
  hooks: [
    {
      beforeEnqueue(call) {
        const { tenant } = call.input as { tenant: string };
        if (tenant === "") throw new LovageError("TENANT_MISSING", "whose order is it?");
        call.headers["trace"] = trace.getStore() ?? "none";
      },
    },
  ],
});

await trace.run("t-42", async () => {
  const order = await client.enqueue("shop.order", { tenant: "ada" });
  const { shipping } = await order.result({ timeout: "10s" });
  const ship = await client.get<string>(shipping);
  console.log("shipped in trace", await ship.result({ timeout: "10s" }));
});
for (const tenant of ["", "closed"]) {
  try {
    const order = await client.enqueue("shop.order", { tenant });
    await order.result({ timeout: "10s" });
  } catch (error) {
    console.log(JSON.stringify(tenant), "is refused:", (error as LovageError).code);
  }
}
await client.close();
