// What the form of a credential sends. Pure.

import type { AuthProtocol, Credential, CredentialCreate, PrivacyProtocol } from "../../lib/api/shapes";

export interface Form {
  name: string;
  kind: Credential["kind"];
  community: string;
  user: string;
  auth: AuthProtocol | "";
  authPass: string;
  privacy: PrivacyProtocol | "";
  privacyPass: string;
  context: string;
}

export const EMPTY: Form = {
  name: "",
  kind: "snmp_v2c",
  community: "",
  user: "",
  auth: "sha256",
  authPass: "",
  privacy: "aes128",
  privacyPass: "",
  context: "",
};

export const KINDS: Record<Credential["kind"], string> = { snmp_v1: "SNMPv1", snmp_v2c: "SNMPv2c", snmp_v3: "SNMPv3" };

export const AUTHS: Record<AuthProtocol, string> = {
  md5: "MD5",
  sha1: "SHA-1",
  sha224: "SHA-224",
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512",
};

export const PRIVACIES: Record<PrivacyProtocol, string> = {
  des: "DES",
  "3des": "3DES",
  aes128: "AES-128",
  aes192: "AES-192",
  aes256: "AES-256",
  aes192c: "AES-192 (Cisco)",
  aes256c: "AES-256 (Cisco)",
};

/** The body of POST. Nothing is sent that the kind does not have; privacy needs authentication. */
export function bodyOf(form: Form): CredentialCreate {
  const name = form.name.trim() || `${KINDS[form.kind]}${form.kind === "snmp_v3" ? ` ${form.user.trim()}` : ""}`;
  if (form.kind !== "snmp_v3") return { name, kind: form.kind, community: form.community };
  const auth = form.auth === "" ? {} : { auth: form.auth, auth_passphrase: form.authPass };
  const privacy = form.auth === "" || form.privacy === "" ? {} : { privacy: form.privacy, privacy_passphrase: form.privacyPass };
  return { name, kind: form.kind, user: form.user.trim(), ...auth, ...privacy, ...(form.context ? { context: form.context } : {}) };
}

/** A credential in a few words, without what is secret. */
export function described(c: Credential): string {
  if (c.kind !== "snmp_v3") return "community, kept encrypted";
  const level = [c.auth ? AUTHS[c.auth] : "no authentication", c.privacy ? PRIVACIES[c.privacy] : "no privacy"].join(", ");
  return `user ${c.user ?? ""} · ${level}${c.context ? ` · context ${c.context}` : ""}`;
}
