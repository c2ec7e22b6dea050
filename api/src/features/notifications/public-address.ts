import { BlockList, isIP } from "node:net";

/** What is not the public internet: IANA's special-purpose registries (RFC 6890 and its updates). */
const RESERVED_V4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const;

/** Of what is routed at all (2000::/3): protocol assignments with Teredo, documentation, and 6to4, which hides an IPv4. */
const RESERVED_V6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
] as const;

const reserved = new BlockList();
for (const [network, bits] of RESERVED_V4) reserved.addSubnet(network, bits, "ipv4");
for (const [network, bits] of RESERVED_V6) reserved.addSubnet(network, bits, "ipv6");

/** Everything else of IPv6 is local, mapped, translated (NAT64) or not given to anybody. */
const routed = new BlockList();
routed.addSubnet("2000::", 3, "ipv6");

/** Whether an IP address, without brackets, is one of the public internet. False for what is no address. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !reserved.check(address, "ipv4");
  // A zone (fe80::1%eth0) is part of a local address only.
  if (version !== 6 || address.includes("%")) return false;
  return routed.check(address, "ipv6") && !reserved.check(address, "ipv6");
}

/** Whether an IP address, without brackets, is this machine's own. */
export function isLoopback(address: string): boolean {
  return address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}
