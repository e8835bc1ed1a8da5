import { describe, expect, it } from "vitest";
import { readEndpoint } from "../../src/ray-client-http/address.ts";
import { createRayClient, RayError } from "../../src/ray-client-http/index.ts";

describe("the address", () => {
  it.each([
    ["http://127.0.0.1:8265", "http://127.0.0.1:8265", ""],
    ["http://127.0.0.1:8265/", "http://127.0.0.1:8265", ""],
    ["https://ray.example/team/a/", "https://ray.example", "/team/a"],
  ])("%s has origin %s and prefix %j", (address, origin, prefix) => {
    expect(readEndpoint({ address })).toMatchObject({ origin, prefix });
  });

  it.each([
    "",
    "127.0.0.1:8265",
    "ray://head:10001",
    "ftp://head",
    "http://head/?a=1",
    "http://me:hunter22@head",
  ])("%j is refused without a word of a password", (address) => {
    expect(() => createRayClient({ address })).toThrowError(
      expect.objectContaining({
        code: "RAY_ADDRESS_INVALID",
        message: expect.not.stringContaining("hunter22"),
      }),
    );
  });

  it("refuses a token, a header or a CA that cannot be used, and does not print the token", () => {
    const address = "http://head";
    const faults = [
      { token: "sec\nret-token" },
      { headers: { "x-a": "b\r\nc: d" } },
      { ca: "/etc/ssl/ca.pem" },
    ];
    for (const fault of faults) {
      const make = () => createRayClient({ address, ...fault });
      expect(make).toThrowError(RayError);
      expect(make).toThrowError(expect.objectContaining({ code: "RAY_ADDRESS_INVALID" }));
      expect(make).not.toThrowError(/ret-token/);
    }
  });

  it("takes a token as a file ends it, with a line break", () => {
    expect(readEndpoint({ address: "http://head", token: "abc\n" }).headers["authorization"]).toBe(
      "Bearer abc",
    );
  });
});
