// Who there is in the demo: name → the claims of that identity's tokens.
const person = (sub, name, ...groups) => () => ({ sub, name, kind: "person", groups });

export const identities = {
  engineer: person("engineer", "Erin Engineer", "engineering"),
  engineer2: person("engineer2", "Emil Engineer", "engineering"),
  dba: person("dba", "Dana Dba", "dba"),
  dba2: person("dba2", "Dario Dba", "dba"),
  security: person("security", "Sam Security", "security"),
  "on-call": person("on-call", "Olga On-Call", "on-call", "engineering"),
  auditor: person("auditor", "Ada Auditor", "auditors"),
  admin: person("admin", "Alex Admin", "admins"),
  admin2: person("admin2", "Alma Admin", "admins"),
  ci: () => ({ sub: "ci", name: "ci", kind: "workload", groups: ["ci"], repository: "shop/billing", run_id: "4711" }),
  // an AI agent at work for engineer: the subject is the person, `act` (RFC 8693) says who really calls
  assistant: (iss) => ({
    sub: "engineer",
    name: "Erin Engineer",
    kind: "person",
    groups: ["engineering"],
    act: { iss, sub: "assistant", name: "assistant", kind: "ai-agent", groups: ["ai-assistants"] },
  }),
};
