import { z } from "zod";

const text = z.string().nullish();
const count = z.number().nullish();
const quantities = z.record(z.string(), z.number());

export const VersionWire = z.looseObject({
  version: z.coerce.string(),
  ray_version: z.string(),
  ray_commit: text,
  session_name: text,
});

export const JobStatusWire = z.enum(["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]);

export const JobWire = z.looseObject({
  type: text,
  job_id: text,
  submission_id: text,
  status: JobStatusWire,
  entrypoint: text,
  message: text,
  error_type: text,
  start_time: count,
  end_time: count,
  metadata: z.record(z.string(), z.unknown()).nullish(),
  runtime_env: z.record(z.string(), z.unknown()).nullish(),
  driver_info: z.looseObject({ id: text, node_ip_address: text, pid: z.coerce.string().nullish() }).nullish(),
  driver_node_id: text,
  driver_exit_code: count,
  driver_agent_http_address: text,
});

export const SubmitWire = z.looseObject({ submission_id: text, job_id: text });
export const StopWire = z.looseObject({ stopped: z.boolean() });
export const DeleteWire = z.looseObject({ deleted: z.boolean() });
export const LogsWire = z.looseObject({ logs: z.string().nullish() });

const usage = z.record(z.string(), z.tuple([z.number(), z.number()]));
const demand = z.tuple([quantities, z.number()]);

export const ClusterStatusWire = z.looseObject({
  data: z.looseObject({
    autoscalingError: text,
    clusterStatus: z
      .looseObject({
        time: count,
        loadMetricsReport: z
          .looseObject({
            usage: usage.nullish(),
            usageByNode: z.record(z.string(), usage).nullish(),
            resourceDemand: z.array(demand).nullish(),
            pgDemand: z.array(z.tuple([z.looseObject({}), z.number()])).nullish(),
            nodeTypes: z.array(demand).nullish(),
          })
          .nullish(),
        autoscalerReport: z
          .looseObject({
            activeNodes: z.record(z.string(), z.number()).nullish(),
            pendingNodes: z.array(z.unknown()).nullish(),
            failedNodes: z.array(z.unknown()).nullish(),
          })
          .nullish(),
      })
      .nullish(),
  }),
});

/** `/api/v0/nodes`: names of resources as they were declared, unlike the other pages of the dashboard. */
export const NodesWire = z.looseObject({
  data: z.looseObject({
    result: z.looseObject({
      result: z.array(
        z.looseObject({
          node_id: z.string(),
          node_ip: text,
          node_name: text,
          is_head_node: z.boolean().nullish(),
          state: z.string(),
          state_message: text,
          resources_total: quantities.nullish(),
          labels: z.record(z.string(), z.string()).nullish(),
          start_time_ms: count,
          end_time_ms: count,
        }),
      ),
    }),
  }),
});

/** `/nodes?view=summary`: asked only for what the machines themselves report. */
export const NodeSummaryWire = z.looseObject({
  data: z.looseObject({
    summary: z.array(
      z.looseObject({
        hostname: text,
        cpu: count,
        mem: z.array(z.number()).nullish(),
        raylet: z.looseObject({ nodeId: text }).nullish(),
      }),
    ),
  }),
});
