import { describe, expect, it } from "vitest";
import type { Payment } from "../api/types.ts";
import { isPaid, isSettled, overPrice, owesCredit, takesTransfer, waitsForMore } from "./transfer.ts";

type Came = NonNullable<Payment["received"]>;
const came = (outcome: Came["outcome"], amount: string, credited = "0.00", waiting = "0.00") =>
  ({ outcome, amount, credited, waiting }) as Came;
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
const payment = (status: Payment["status"], received: Came | null = null, unmatched: Came[] = []) =>
  ({
    ...{ status, amount: "10.00", received, unmatched },
    ...{ ways: { transfer: {} }, expiresAt: inMinutes(30) },
  }) as unknown as Payment;

describe("a payment by transfer", () => {
  it("is settled once it is made and what is over the price is credit, the tail included", () => {
    expect(isSettled(payment("seen", came("arriving", "10.000123")))).toBe(false);
    expect(isSettled(payment("seen", came("purchase", "10.000123")))).toBe(false);
    expect(isSettled(payment("confirmed", came("purchase", "10.000123")))).toBe(false);
    expect(isSettled(payment("confirmed", came("purchase", "10.000123", "0.000123")))).toBe(true);
    expect(isSettled(payment("confirmed", came("purchase", "13.000123", "0.000123")))).toBe(false);
    expect(isSettled(payment("confirmed", came("purchase", "13.000123", "3.000123")))).toBe(true);
    expect(isSettled(payment("confirmed"))).toBe(true);
  });

  it("is settled too while its tail, or little that came, waits for more", () => {
    const tail = payment("confirmed", came("purchase", "10.000123", "0.00", "0.000123"));
    expect([isSettled(tail), waitsForMore(tail)]).toEqual([true, true]);
    const late = payment("late", came("credit", "0.40", "0.00", "0.40"));
    expect([isSettled(late), owesCredit(late)]).toEqual([true, false]);
    expect(isSettled(payment("expired", null, [came("credit", "0.40", "0.00", "0.40")]))).toBe(true);
    expect(waitsForMore(payment("confirmed"))).toBe(false);
  });

  it("that was short goes on: it became credit, and another can come", () => {
    const short = payment("short", came("credit", "8.000123", "8.000123"));
    expect(owesCredit(payment("short", came("credit", "8.000123")))).toBe(true);
    expect(owesCredit(short)).toBe(false);
    expect(isSettled(short)).toBe(false);
    expect(takesTransfer(short)).toBe(true);
  });

  it("that was short is settled when its time is over and what came is credit", () => {
    const over = { expiresAt: inMinutes(-1) };
    expect(isSettled({ ...payment("short", came("credit", "8.00", "8.00")), ...over })).toBe(true);
    expect(isSettled({ ...payment("short", came("credit", "8.00")), ...over })).toBe(false);
    expect(isSettled({ ...payment("quoted"), ...over })).toBe(false);
  });

  it("that the contract refused is not asked for again, and is settled once it is credit", () => {
    const reason = { code: "refused" } as Came["reason"];
    const refused = (credited: string) => payment("failed", { ...came("credit", "10.00", credited), reason });
    expect(takesTransfer(refused("0.00"))).toBe(false);
    expect(isSettled(refused("0.00"))).toBe(false);
    expect(isSettled(refused("10.00"))).toBe(true);
  });

  it("that came late or is for nobody's amount is settled once it is credit", () => {
    expect(isSettled(payment("late", came("credit", "10.000123")))).toBe(false);
    expect(isSettled(payment("late", came("credit", "10.000123", "10.000123")))).toBe(true);
    expect(isSettled(payment("expired", null, [came("credit", "4.00")]))).toBe(false);
    expect(isSettled(payment("expired", null, [came("credit", "4.00", "4.00")]))).toBe(true);
    expect(isSettled(payment("quoted", null, [came("credit", "4.00", "4.00")]))).toBe(false);
    expect(isSettled(payment("confirmed", came("held", "10.000123")))).toBe(true);
  });

  it("asks for a transfer only while one would pay", () => {
    for (const status of ["quoted", "short", "failed", "reorged"] as const)
      expect(takesTransfer(payment(status))).toBe(true);
    for (const status of ["seen", "confirmed", "expired", "late"] as const)
      expect(takesTransfer(payment(status))).toBe(false);
    expect(takesTransfer({ ...payment("quoted"), ways: null })).toBe(false);
  });

  it("tells a surplus from the tail", () => {
    expect(overPrice(payment("confirmed", came("purchase", "10.009999")))).toBeNull();
    expect(overPrice(payment("confirmed", came("purchase", "10.01")))).toBe(10_000n);
    expect(overPrice(payment("confirmed", came("purchase", "13.000123")))).toBe(3_000_123n);
    expect(overPrice(payment("short", came("credit", "8.00")))).toBeNull();
  });
});

describe("a payment by the wallet", () => {
  it("goes on after a transfer for the same quote that was short, late or refused", () => {
    expect(isPaid(payment("short", came("credit", "8.00")))).toBe(false);
    expect(isPaid(payment("late", came("credit", "10.00")))).toBe(false);
    expect(isPaid(payment("failed", came("credit", "10.00")))).toBe(false);
    expect(isPaid(payment("failed"))).toBe(true);
    expect(isPaid(payment("confirmed"))).toBe(true);
  });
});
