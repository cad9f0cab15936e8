// Short names for the shapes of the server's JSON, which are generated from its OpenAPI document.

import type { components } from "../../generated/api";

type Schemas = components["schemas"];

/** How much of a range a device or an interface was there. */
export type Availability = Schemas["Availability"];
export type AlarmPrecision = Schemas["AlarmPrecision"];
/** What was out of the ordinary in a series, and whose it is. */
export type Anomaly = Schemas["AnomalyOfDevice"];
export type AuthProtocol = Schemas["AuthProtocol"];
/** What a device or an interface carried over a range, bit/s. */
export type Bandwidth = Schemas["BandwidthHistory"] & { now: Schemas["BandwidthNow"] };
/** What is expected of a series, and the bounds that an operator gives to it. */
export type Bands = Schemas["Bands"];
/** Links between the same two devices, and how traffic is best split over them. */
export type Balance = Schemas["BalanceGroup"];
export type BalanceAnswer = Schemas["BalanceAnswer"];
export type BalanceDirection = Schemas["BalanceDirection"];
export type Candidate = Schemas["Candidate"];
export type CandidateHeard = Schemas["CandidateHeard"];
/** A series with a limit, and when that is reached. */
export type Capacity = Schemas["CapacityItem"];
export type CapacityOutlook = Schemas["CapacityOutlook"];
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
/** The forecast of a series over a horizon. */
export type Forecast = Schemas["ForecastAnswer"];
export type ForecastAccuracy = Schemas["ForecastAccuracy"];
export type ForecastPlan = Schemas["ForecastPlan"];
export type Patterns = Schemas["Patterns"];
export type TrafficPattern = Schemas["TrafficPattern"];
export type Similar = Schemas["Similar"];
export type ForecastSummary = Schemas["ForecastSummary"];
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
export type Model = Schemas["Model"];
export type Neighbor = Schemas["Neighbor"];
export type Notice = Schemas["Notice"];
export type PastStatus = Schemas["PastStatus"];
export type Permission = Schemas["Permission"];
export type PrivacyProtocol = Schemas["PrivacyProtocol"];
export type Problem = Pick<Schemas["Problem"], "type" | "title" | "status"> & Partial<Schemas["Problem"]>;
export type Samples = Schemas["Samples"];
export type SamplesRequest = Schemas["SamplesRequest"];
/** The key by which an autoscaler reads a trigger. */
export type ScalingKey = Schemas["ScalingKey"];
/** A scaling trigger, and how it stands. */
export type ScalingTrigger = Schemas["ScalingTrigger"];
export type ScalingTriggerCreate = Schemas["ScalingTriggerCreate"];
export type ScalingTriggerPatch = Schemas["ScalingTriggerPatch"];
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
export type VerdictAnswer = Schemas["VerdictAnswer"];
export type WalkAnswer = Schemas["WalkAnswer"];
/** How a message to a webhook fares. */
export type WebhookDelivery = Schemas["WebhookDelivery"];
export type WhatIf = Schemas["WhatIf"];
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
export type RetentionPolicy = Schemas["RetentionPolicy"];
export type RetentionPolicyChange = Schemas["RetentionPolicyChange"];
export type RetentionPolicyCreate = Schemas["RetentionPolicyCreate"];
export type RetentionPolicyPatch = Schemas["RetentionPolicyPatch"];
export type RetentionPreview = Schemas["RetentionPreview"];
export type RetentionStanding = Schemas["RetentionStanding"];
export type SeriesCardinality = Schemas["SeriesCardinality"];
export type SeriesOfDevice = Schemas["SeriesOfDevice"];

export type ArchivedDay = Schemas["ArchiveDay"];
export type ArchiveRun = Schemas["ArchiveRun"];
export type ArchiveStatus = Schemas["ArchiveStanding"];
export type AuditEntry = Schemas["AuditEntry"];
/** What a delete of a range met, or would. */
export type Deleted = Schemas["SamplesDeletion"];
export type ExportRequest = Schemas["ExportRequest"];
export type Job = Omit<Schemas["Job"], "result"> & {
  /** What came of it, by its kind. */
  result?: Record<string, unknown> | null;
};
export type MetricType = Schemas["MetricType"];
export type MetricTypeCreate = Required<Schemas["MetricTypeCreate"]>;
export type SampleFormat = Schemas["ExchangeFormat"];
/** `result` of an import, which the document says no more of than that it is an object. */
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
