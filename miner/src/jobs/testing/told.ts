import type { Reporter } from "../runner.ts";

/** Keeps what a run tells. */
export class Told implements Reporter {
  readonly states: string[] = [];
  readonly texts = { stdout: "", stderr: "", system: "" };
  readonly order: string[] = [];
  readonly shares: number[] = [];
  readonly samples: { cpu: number; memoryBytes: number }[] = [];
  onText: (all: string) => void = () => {};

  state(state: string): void {
    this.states.push(state);
  }
  log(stream: "stdout" | "stderr" | "system", text: string): void {
    this.texts[stream] += text;
    if (stream !== "system") this.order.push(text);
    this.onText(this.texts.stdout);
  }
  progress(value: number): void {
    this.shares.push(value);
  }
  sample(cpu: number, memoryBytes: number): void {
    this.samples.push({ cpu, memoryBytes });
  }
}
