export { Streamhold } from "./client.js";
export { StreamholdError } from "./errors.js";
export { resumingFetch } from "./fetch.js";
export type Fetch = import("./call.js").Fetch;
export type ResumingOptions = import("./fetch.js").ResumingOptions;
export type ClientOptions = import("./client.js").ClientOptions;
export type Job = import("./client.js").Job;
export type JobEvent = import("./client.js").JobEvent;
export type Submission = import("./client.js").Submission;
