import type { Service } from "../process/service.ts";
import { type Hooks, type OnHookFault, tell, type WorkerFacts } from "../task/hooks.ts";

/** The service with its life told to hooks; the service itself where no hook asks. */
export function withLifeCycle(
  service: Service,
  hooks: readonly Hooks[],
  facts: WorkerFacts,
  onFault: OnHookFault,
): Service {
  if (hooks.length === 0) return service;
  const told = (name: "onStart" | "onReady" | "onStopping" | "onStopped") =>
    tell(hooks, name, (hook) => hook(facts), onFault);
  let stopping: Promise<void> | undefined;
  return {
    async start() {
      await told("onStart");
      await service.start();
      await told("onReady");
    },
    stop() {
      stopping ??= told("onStopping")
        .then(() => service.stop())
        .finally(() => told("onStopped"));
      return stopping;
    },
  };
}
