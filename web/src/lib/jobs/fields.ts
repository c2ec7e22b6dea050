import type { JobTemplate } from "../api/types.ts";
import type { JobDraft } from "./draft.ts";

const NAMES: Record<string, string> = {
  image: "Image",
  command: "Command",
  env: "Variables",
  inputs: "Files",
  cpuMillis: "CPUs",
  memoryMb: "Memory",
  gpus: "GPUs",
  diskMb: "Disk",
  outputLimitMb: "Outputs at most",
  timeLimitSeconds: "Time limit",
  retries: "Further attempts",
  engineModelId: "Model",
};

/** What a field of the specification is called in the form. */
export function fieldName(field: string, draft: JobDraft, template: JobTemplate | null): string {
  const [group = "", at = ""] = field.split(".");
  if (group === "env" && at) {
    const name = draft.env[Number(at)]?.name;
    return template?.parameters.find(({ env }) => env === name)?.label ?? (name || "Variable");
  }
  if (group === "inputs" && at) {
    const path = draft.inputs[Number(at)]?.path;
    return template?.inputs.find((one) => one.path === path)?.label ?? (path || "File");
  }
  return NAMES[group] ?? field;
}
