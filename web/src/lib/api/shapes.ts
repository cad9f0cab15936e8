// Short names for the shapes of the server's JSON, which are generated from its OpenAPI document.

import type { components } from "../../generated/api";

type Schemas = components["schemas"];

/** How much of a range a device or an interface was there. */
export type Availability = Schemas["Availability"];
export type AuthProtocol = Schemas["AuthProtocol"];
/** What a device or an interface carried over a range, bit/s. */
export type Bandwidth = Schemas["BandwidthHistory"] & { now: Schemas["BandwidthNow"] };
export type Candidate = Schemas["Candidate"];
export type CandidateHeard = Schemas["CandidateHeard"];
export type Check = Schemas["ServiceCheck"];
export type CheckCreate = Schemas["CheckCreate"];
export type CheckPatch = Schemas["CheckPatch"];
export type CheckProbe = Schemas["CheckProbe"];
export type Credential = Schemas["Credential"];
export type CredentialCreate = Schemas["CredentialCreate"];
export type Device = Schemas["Device"];
export type IdentityConflict = Schemas["IdentityConflict"];
export type DeviceCreate = Schemas["DeviceCreate"];
export type DeviceInterval = Schemas["DeviceInterval"];
export type DevicePatch = Schemas["DevicePatch"];
export type Discovery = Schemas["Discovery"];
export type DiscoveryCreate = Schemas["DiscoveryCreate"];
export type DiscoveryResult = Schemas["DiscoveryResult"];
export type DiscoveryRule = Schemas["DiscoveryRule"];
export type DiscoveryRuleCreate = Schemas["DiscoveryRuleCreate"];
export type DiscoveryRuleDryRun = Schemas["DiscoveryRuleDryRun"];
export type DiscoveryRuleOutcome = Schemas["DiscoveryRuleOutcome"];
export type DiscoveryRulePatch = Schemas["DiscoveryRulePatch"];
export type DiscoverySchedule = Schemas["DiscoverySchedule"];
export type DiscoveryScheduleCreate = Schemas["DiscoveryScheduleCreate"];
export type DiscoverySchedulePatch = Schemas["DiscoverySchedulePatch"];
export type Evidence = Schemas["Evidence"];
export type FlowDimension = Schemas["FlowDimension"];
export type FlowDirection = Schemas["FlowDirection"];
export type FlowExporter = Schemas["FlowExporter"];
export type FlowInterfaces = Schemas["FlowInterfacesAnswer"];
export type FlowListener = Schemas["FlowListener"];
export type FlowSampling = Schemas["FlowSampling"];
export type FlowSeries = Schemas["FlowSeriesAnswer"];
export type FlowTopItem = Schemas["FlowTopItem"];
export type Health = Schemas["Health"];
export type HealthHistory = Schemas["HealthHistory"];
export type IfStatus = Schemas["IfStatus"];
export type Interface = Schemas["Interface"];
export type InterfaceInterval = Schemas["InterfaceInterval"];
export type Link = Schemas["Link"];
export type LinkLoad = Schemas["LinkLoad"];
export type LogEntry = Schemas["LogEntry"];
export type MaintenanceAnswer = Schemas["MaintenanceAnswer"];
export type MaintenanceRequest = Schemas["MaintenanceRequest"];
export type Me = Schemas["Me"];
export type Method = Schemas["Method"];
export type Neighbor = Schemas["Neighbor"];
export type Notice = Schemas["Notice"];
export type PastStatus = Schemas["PastStatus"];
export type Permission = Schemas["Permission"];
export type PrivacyProtocol = Schemas["PrivacyProtocol"];
export type Problem = Pick<Schemas["Problem"], "type" | "title" | "status"> & Partial<Schemas["Problem"]>;
export type Samples = Schemas["Samples"];
export type SamplesRequest = Schemas["SamplesRequest"];
export type Series = Schemas["Series"];
export type SnmpAnswer = Schemas["SnmpAnswer"];
export type StateCounts = Schemas["StateCounts"];
export type Status = Schemas["Status"];
export type Top = Schemas["Top"];
export type TopItem = Schemas["TopItem"];
/** A trap or an inform that was received. */
export type Trap = Schemas["Trap"];

/** A page of any list. */
export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}
export type ProfileSummary = Schemas["ProfileSummary"];
export type ProfileText = Schemas["ProfileText"];
export type ProfileDraft = Schemas["ProfileDraft"];
export type ProfileMistake = Schemas["ProfileMistake"];
export type MibSummary = Schemas["MibSummary"];
export type MibObject = Schemas["MibObject"];
export type WalkAnswer = Schemas["WalkAnswer"];
export type WalkedObject = Schemas["WalkedObject"];
export type TrialAnswer = Schemas["TrialAnswer"];

// What is kept, and for how long.
export type Backup = Schemas["Backup"];
export type KeptSize = Schemas["KeptSize"];
export type RetentionHold = Schemas["RetentionHold"];
export type RetentionHoldCreate = Schemas["RetentionHoldCreate"];
export type RetentionHoldPatch = Schemas["RetentionHoldPatch"];
export type RetentionLevel = Schemas["RetentionLevel"];
export type RetentionPass = Schemas["RetentionPass"];
export type RetentionPolicy = Schemas["RetentionPolicy"] & WithoutArchive;
export type RetentionPolicyCreate = Schemas["RetentionPolicyCreate"] & WithoutArchive;
export type RetentionPolicyPatch = Schemas["RetentionPolicyPatch"] & WithoutArchive;
export type RetentionPreview = Schemas["RetentionPreview"];
export type RetentionStanding = Schemas["RetentionStanding"];
export type SeriesCardinality = Schemas["SeriesCardinality"];
export type SeriesOfDevice = Schemas["SeriesOfDevice"];

// By hand, until the routes are in the OpenAPI document: to be replaced by generated ones.
interface WithoutArchive {
  /** Its samples go when they are over, also those that were not archived yet. */
  without_archive?: boolean;
}
export interface Job {
  id: string;
  kind: "import" | "export" | "delete" | "correct" | "archive" | "restore" | "archive_check";
  state: "receiving" | "waiting" | "running" | "done" | "failed" | "cancelled" | "interrupted";
  done: number;
  total?: number | null;
  unit: "octets" | "samples" | "series" | "days";
  by: string;
  made_at: string;
  began_at?: string | null;
  ended_at?: string | null;
  error?: string | null;
  /** What came of it, by its kind. */
  result?: Record<string, unknown> | null;
}
/** `result` of an import. */
export interface Imported {
  dry_run: boolean;
  rows: number;
  added: number;
  replaced: number;
  same: number;
  repeated: number;
  refused: number;
  reasons: Record<string, number>;
  /** The first thousand of those refused. */
  faults: { line: number; reason: string; detail: string }[];
  series: number;
  new_series: number;
  days: number;
  days_done: number;
  cut_short: boolean;
}
export type SampleFormat = "csv" | "lines" | "openmetrics" | "parquet";
export interface ExportRequest {
  match: string;
  from: string;
  to?: string | null;
  format: SampleFormat;
}
/** What a delete of a range met, or would. */
export interface Deleted {
  devices: number;
  series: number;
  samples: number;
  /** Whether all samples were counted. */
  counted_whole: boolean;
}
export interface MetricType {
  name: string;
  unit: string;
  kind: Series["kind"];
  help: string;
  own: boolean;
  series: number;
  created_at?: string | null;
  revision?: number | null;
}
export type MetricTypeCreate = Pick<MetricType, "name" | "unit" | "kind" | "help">;
export interface AuditEntry {
  id: string;
  at: string;
  ended_at?: string | null;
  user_id?: string | null;
  by: string;
  action: string;
  selector?: string | null;
  from?: string | null;
  to?: string | null;
  job_id?: string | null;
  state: "begun" | "done" | "failed" | "refused";
  counts?: Partial<Record<"devices" | "series" | "samples" | "replaced" | "refused", number>> | null;
  detail?: string | null;
}
export interface ArchiveRun {
  at: string;
  took_ms: number;
  days: number;
  samples: number;
  bytes: number;
  left: number;
  failed?: string | null;
}
export interface ArchiveStatus {
  place: string;
  installation: string;
  /** Whose it is, where that is another: it is read, and nothing is written. */
  of_another?: string | null;
  days: number;
  samples: number;
  bytes: number;
  oldest?: string | null;
  newest?: string | null;
  damaged: number;
  waiting: number;
  last_run?: ArchiveRun | null;
  failing?: string | null;
}
export interface ArchivedDay {
  day: string;
  samples: number;
  series: number;
  bytes: number;
  archived_at: string;
  /** Whether all of it is here as well. */
  is_here: boolean;
  restored_until?: string | null;
  damaged?: string | null;
}
