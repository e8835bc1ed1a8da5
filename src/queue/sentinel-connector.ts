import type { Duplex } from "node:stream";
import type { Redis } from "ioredis";
import { tellWhyClosed } from "./closed-why.ts";

/** What a connection emits of each fault of a connection to a sentinel, as it is; `sentinelError` has its message alone. */
export const sentinelFault = "lovage:sentinelFault";

/** The part of ioredis that asks sentinels for the master. */
interface SentinelConnector {
  connectToSentinel(...how: unknown[]): Redis;
  connect(emit: unknown): Promise<Duplex>;
  disconnect(): void;
}

/** Mends how a connection, and each that is made from it, finds its master through sentinels. */
export function mendSentinels(redis: Redis): Redis {
  const inside = redis as unknown as { connector: SentinelConnector; manuallyClosing: boolean };
  const { connector } = inside;
  const ask = connector.connectToSentinel.bind(connector);
  connector.connectToSentinel = (...how) =>
    tellWhyClosed(ask(...how), (why) => void redis.emit(sentinelFault, why));
  heedLateFailovers(connector, () => inside.manuallyClosing);
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = ((overrides) => mendSentinels(duplicate(overrides))) as typeof redis.duplicate;
  return redis;
}

/**
 * A sentinel that tells of a failover while the sentinels are being asked for the master, as after the old one's death, would
 * have the connection end for good. What they answer may be of before: it is left, and they are asked again.
 */
function heedLateFailovers(connector: SentinelConnector, isClosing: () => boolean): void {
  const connect = connector.connect.bind(connector);
  const disconnect = connector.disconnect.bind(connector);
  let asking = false;
  let late = false;
  connector.connect = async (emit) => {
    asking = true;
    late = false;
    try {
      const stream = await connect(emit);
      if (late) stream.destroy();
      return stream;
    } finally {
      asking = false;
    }
  };
  connector.disconnect = () => {
    if (asking && !isClosing()) late = true;
    else disconnect();
  };
}
