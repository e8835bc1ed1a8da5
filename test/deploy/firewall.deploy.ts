import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { succeeds } from "./support/command.ts";
import { deploy, script } from "./support/deployed.ts";
import { boot, onLaptop, onServer, shutDown } from "./support/lab.ts";

/** As the printed command runs it: by root, from the release. */
const asRoot = async (...args: string[]) => {
  const release =
    'bash "$(ls -d /home/wizardsofts/lovage/releases/$(sed -n s/^LOVAGE_RELEASE=//p /home/wizardsofts/lovage/.env))"';
  return succeeds(onServer("sh", ["-c", `${release}/deploy/firewall.sh "$@"`, "sh", ...args]));
};
const rules = async () => (await succeeds(onServer("sh", ["-c", "iptables -S; ip6tables -S"]))).stdout;
const reaches = async (on: typeof onLaptop, host: string, port: number) => {
  const script = `exec 3<>/dev/tcp/${host}/${port}`;
  return (await on("timeout", ["2", "bash", "-c", script])).code === 0;
};

let before: string;
beforeAll(async () => {
  await succeeds(deploy());
  before = await rules();
});
afterAll(async () => {
  await asRoot("remove");
});

test("the script prints what would be done, warns who would be shut out, and changes nothing", async () => {
  const { stdout } = await succeeds(script("firewall.sh", ["--allow", "192.0.2.0/24", "fd00:84::/64"]));
  expect(stdout).toContain("-I INPUT -p tcp -m multiport --dports 6380,5555 -j LOVAGE");
  expect(stdout).toContain("-A LOVAGE -s 192.0.2.0/24 -j RETURN");
  expect(stdout).toContain("-A LOVAGE -s fd00:84::/64 -j RETURN");
  expect(stdout).toContain("warning: 10.0.0.1 would be shut out");
  expect(stdout).toMatch(
    /ssh -t wizardsofts@10\.0\.0\.84 sudo bash \S+\/deploy\/firewall\.sh set --ports 6380,5555/,
  );
  expect(await rules()).toBe(before);
  const refused = await script("firewall.sh", ["--allow", "10.0.0.0/24", "--apply"]);
  expect(refused.stdout).not.toContain("would be shut out");
  expect(refused.stderr).toContain("sudo on wizardsofts@10.0.0.84 asks for a password, or is not there");
  expect(refused.code).toBe(1);
  expect(await rules()).toBe(before);
});

test("others are shut out, of IPv6 too; the server itself and ssh are not", async () => {
  await asRoot("set", "--ports", "6380,5555", "--allow", "192.0.2.0/24");
  expect(await reaches(onLaptop, "10.0.0.84", 6380)).toBe(false);
  expect(await reaches(onLaptop, "10.0.0.84", 5555)).toBe(false);
  expect(await reaches(onLaptop, "10.0.0.84", 22)).toBe(true);
  expect(await reaches(onServer, "127.0.0.1", 6380)).toBe(true);
  expect(await reaches(onServer, "10.0.0.84", 5555)).toBe(true);
  await succeeds(script("lovage.sh", ["inspect", "ping"]));
});

test("twice is once, and another network takes the place of the first", async () => {
  const once = await rules();
  await asRoot("set", "--ports", "6380,5555", "--allow", "192.0.2.0/24");
  expect(await rules()).toBe(once);
  await asRoot("set", "--ports", "6380,5555", "--allow", "10.0.0.0/24");
  expect((await rules()).match(/-j LOVAGE/g)).toHaveLength(2);
  expect(await rules()).not.toContain("192.0.2.0");
  expect(await reaches(onLaptop, "10.0.0.84", 6380)).toBe(true);
  expect(await reaches(onLaptop, "10.0.0.84", 5555)).toBe(true);
});

test("a connection by IPv6 is dropped unless its network is allowed", async () => {
  // Redis and the dashboard listen on IPv4; something that listens on IPv6 stands for them.
  const address = async (on: typeof onLaptop) =>
    (
      await succeeds(on("sh", ["-c", "ip -6 -o addr show dev eth0 scope link | grep -o 'fe80:[0-9a-f:]*'"]))
    ).stdout.trim();
  const server = await address(onServer);
  const knock = () => reaches(onLaptop, `${server}%eth0`, 6380);
  const listener =
    "import socket,sys\ns=socket.socket(socket.AF_INET6)\ns.setsockopt(socket.IPPROTO_IPV6,socket.IPV6_V6ONLY,1)\ns.bind(('::',6380))\ns.listen()\nsys.stdin.read()";
  const listening = onServer("timeout", [
    "60",
    "python3",
    "-c",
    `${listener.replace("sys.stdin.read()", "s.accept()")}`,
  ]);
  await eventually(
    "the listener",
    async () => (await onServer("sh", ["-c", "ss -6Hltn 'sport = :6380' | grep -q ."])).code === 0,
  );
  expect(await knock()).toBe(false);
  await asRoot("set", "--ports", "6380,5555", "--allow", "10.0.0.0/24", "--allow", "fe80::/64");
  expect(await knock()).toBe(true);
  expect((await listening).code).toBe(0);
});

test("the rules are there after the next boot, before anything else is done", async () => {
  const set = await rules();
  expect(set).toContain("LOVAGE");
  await shutDown();
  await boot();
  expect((await rules()).split("\n").filter((rule) => rule.includes("LOVAGE"))).toEqual(
    set.split("\n").filter((rule) => rule.includes("LOVAGE")),
  );
  await eventually(
    "the dashboard to serve the laptop again",
    async () => (await onLaptop("curl", ["-sf", "http://10.0.0.84:5555/readyz"])).code === 0,
    120_000,
  );
});

test("removed, nothing of it is left", async () => {
  await asRoot("remove");
  expect(await rules()).not.toContain("LOVAGE");
  const left = await onServer("sh", [
    "-c",
    "ls /etc/lovage-firewall /usr/local/sbin/lovage-firewall 2>/dev/null; grep lovage /etc/rc.local",
  ]);
  expect(left.stdout).toBe("");
  await asRoot("remove");
});
