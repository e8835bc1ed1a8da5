import { describe, expect, it } from "vitest";
import { restoreNames } from "../../src/ray-client-http/resources.ts";
import { json, text } from "../support/scripted-ray-server.ts";
import { failure, scripted } from "./fixture.ts";

const usage = { objectStoreMemory: [1, 2], "node:InternalHead": [0, 1], CPU: [1.5, 4], bigDisk: [0, 3] };
const status = {
  data: {
    autoscalingError: null,
    clusterStatus: {
      time: 1_795_505_127.8,
      autoscalerReport: {
        activeNodes: { a: 1, b: 2 },
        pendingNodes: [["10.0.0.9", "x", "y"]],
        failedNodes: [],
      },
      loadMetricsReport: {
        usage,
        usageByNode: { aa: usage },
        resourceDemand: [[{ CPU: 50, my_thing: 2 }, 3]],
        pgDemand: [
          [{ strategy: "SPREAD", bundles: [[{ CPU: 1 }, 2]] }, 1],
          [{ odd: true }, 4],
        ],
        nodeTypes: [[{ CPU: 4, big_disk: 3 }, 1]],
      },
    },
  },
};
const listed = {
  data: {
    result: {
      result: [
        {
          node_id: "aa",
          node_ip: "10.0.0.1",
          is_head_node: true,
          state: "ALIVE",
          resources_total: { CPU: 4, big_disk: 3 },
          start_time_ms: 5,
          end_time_ms: 0,
        },
        { node_id: "bb", state: "DEAD", state_message: "Unexpected termination" },
      ],
    },
  },
};
const summary = {
  data: { summary: [{ hostname: "head", cpu: 20.5, mem: [100, 60, 40, 40], raylet: { nodeId: "aa" } }, {}] },
};
const paths = ["/api/v0/nodes?detail=1&limit=10000", "/nodes?view=summary", "/api/cluster_status"] as const;

describe("clusterStatus", () => {
  it("is decoded, resources by their declared names", async () => {
    const { ray, client } = await scripted();
    ray.on("GET", "/api/cluster_status", json(status));
    const named = {
      object_store_memory: [1, 2],
      "node:__internal_head__": [0, 1],
      CPU: [1.5, 4],
      big_disk: [0, 3],
    };
    expect(await client.clusterStatus()).toStrictEqual({
      time: 1_795_505_127.8,
      usage: named,
      usageByNode: { aa: named },
      pendingDemands: [{ resources: { CPU: 50, my_thing: 2 }, count: 3 }],
      pendingPlacementGroups: [
        { strategy: "SPREAD", bundles: [{ resources: { CPU: 1 }, count: 2 }], count: 1 },
        { strategy: null, bundles: [], count: 4 },
      ],
      activeNodes: 3,
      pendingNodes: 1,
      failedNodes: 0,
      autoscalerError: null,
    });
  });

  it.each([
    [{}],
    [{ clusterStatus: null }],
    [{ clusterStatus: { loadMetricsReport: null, autoscalerReport: {} } }],
  ])("of a cluster that wrote only %j is empty", async (data) => {
    const { ray, client } = await scripted();
    ray.on("GET", "/api/cluster_status", json({ data }));
    expect(await client.clusterStatus()).toMatchObject({
      time: null,
      usage: {},
      pendingDemands: [],
      activeNodes: null,
    });
  });
});

describe("nodes", () => {
  it("joins what Ray's pages tell", async () => {
    const { ray, client } = await scripted();
    [listed, summary, status].forEach((page, index) => void ray.on("GET", paths[index] ?? "", json(page)));
    expect(await client.nodes()).toMatchObject([
      {
        nodeId: "aa",
        ip: "10.0.0.1",
        hostname: "head",
        state: "ALIVE",
        isHead: true,
        resources: { CPU: 4, big_disk: 3 },
        used: { CPU: 1.5, big_disk: 0 },
        cpuPercent: 20.5,
        machineMemory: { total: 100, available: 60 },
        startTime: 5,
        endTime: null,
      },
      { nodeId: "bb", ip: null, hostname: null, state: "DEAD", isHead: false, resources: {}, used: null },
    ]);
  });

  it("needs only the list; but a refused token is an error wherever it comes from", async () => {
    const { ray, client } = await scripted({ retries: { attempts: 1 } });
    ray.on("GET", paths[0], json(listed));
    ray.on("GET", paths[1], text(500, "trouble"));
    expect(await client.nodes()).toMatchObject([
      { nodeId: "aa", hostname: null, used: null },
      { nodeId: "bb" },
    ]);
    ray.on("GET", paths[1], text(403, ""));
    expect(await failure(client.nodes())).toMatchObject({ code: "RAY_UNAUTHORIZED" });
    ray.on("GET", paths[0], text(503, ""));
    ray.on("GET", paths[1], text(503, ""));
    expect(await failure(client.nodes())).toMatchObject({ code: "RAY_UNAVAILABLE" });
  });
});

it.each([
  // Each as Ray's own `to_camel_case` wrote it.
  ["my_gpu2x_pool", "myGpu2XPool"],
  ["_private", "Private"],
  ["SPECIAL_HW", "SPECIALHw"],
  ["a__b_", "aB"],
  ["accelerator_type:T4", "acceleratorType:T4"],
])("the name %s is found again in %s", (declared, written) => {
  expect(restoreNames([declared])(written)).toBe(declared);
});
