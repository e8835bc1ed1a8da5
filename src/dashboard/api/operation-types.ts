import type * as z from "zod";
import type { Operation, OperationId, Operations } from "../../contract/index.ts";
import type { Caller } from "./caller.ts";

type Read<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type Part<O, Name extends string> = O extends { readonly [N in Name]: infer Schema }
  ? Read<Schema>
  : undefined;

/** A request, read by its operation's schemas. */
export interface Asked<O extends Operation = Operation> {
  readonly params: Part<O, "params">;
  readonly query: Part<O, "query">;
  readonly headers: Part<O, "headers">;
  readonly body: Part<O, "body">;
  readonly caller: Caller;
  /** Aborted when the caller is gone, or the answer is complete. */
  readonly signal: AbortSignal;
  /** Sets a header of the answer. */
  header(name: string, value: string): void;
}

/** A value that is sent: what nobody changes may be read-only. */
type Sent<T> = T extends Date
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Sent<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Sent<T[Key]> }
      : T;

/** What was asked for is not there yet: see `pending` of an operation. */
export class Pending<T> {
  readonly answer: T;

  constructor(answer: T) {
    this.answer = answer;
  }
}

/** One event of a stream. */
export interface StreamEvent {
  /** Default "message". */
  event?: string;
  /** From which a caller goes on that was cut off. */
  id?: string;
  /** Absent where only the id is told. */
  data?: unknown;
}

/** Where a caller goes on, told alone. */
interface Position {
  id: string;
}

type Streamed<Events> =
  | Position
  | {
      [Name in keyof Events]: {
        event?: Name extends "message" ? undefined : Name;
        id?: string;
        data: Sent<Read<Events[Name]>>;
      };
    }[keyof Events];

type Answered<O> = O extends { readonly stream: infer Events }
  ? AsyncIterable<Streamed<Events>>
  : O extends { readonly answer: infer Schema }
    ?
        | Sent<Read<Schema>>
        | (O extends { readonly pending: infer Waiting } ? Pending<Sent<Read<Waiting>>> : never)
    : // biome-ignore lint/suspicious/noConfusingVoidType: a handler without an answer returns nothing
      void;

/** Does what an operation says; checked against the contract's own types. */
export type Handler<O extends Operation> = (asked: Asked<O>) => Promise<Answered<O>>;

export type Handlers<Ids extends OperationId = OperationId> = {
  readonly [Id in Ids]: Handler<Operations[Id]>;
};

/** Options as the client takes them: what was not given is not there. */
export type Given<T> = T extends Date
  ? T
  : T extends readonly (infer Item)[]
    ? Given<Item>[]
    : T extends object
      ? { [Key in keyof T]: Exclude<Given<T[Key]>, undefined> }
      : T;

/** Schemas leave out what was not given; their types cannot say so. */
export function given<T>(options: T): Given<T> {
  return options as Given<T>;
}
