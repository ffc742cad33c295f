// The development identity provider: a certified OpenID provider with a handful of identities that get tokens by client credentials.
// For the demo and the tests only: here a client is the identity, and one secret opens all of them.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import Provider from "oidc-provider";
import { identities } from "./identities.mjs";

const { PORT, ISSUER, KEYS, CLIENT_SECRET_FILE } = process.env;
const secret = readFileSync(CLIENT_SECRET_FILE, "utf8").trim();

// `resource` of a token request (RFC 8707 wants a URI) → the audience of the token and its life in seconds
const audiences = {
  "urn:accessplane": { audience: "accessplane", accessTokenTTL: 600 },
  "urn:accessplane-reviews": { audience: "accessplane-reviews", accessTokenTTL: 300 },
};

function keys() {
  if (!existsSync(KEYS)) {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg: "RS256", use: "sig" };
    writeFileSync(`${KEYS}.new`, JSON.stringify({ keys: [jwk] }), { mode: 0o600 });
    renameSync(`${KEYS}.new`, KEYS);
  }
  return JSON.parse(readFileSync(KEYS, "utf8"));
}

const provider = new Provider(ISSUER, {
  clients: Object.keys(identities).map((name) => ({
    client_id: name,
    client_secret: secret,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: "client_secret_post",
  })),
  jwks: keys(),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:accessplane",
      getResourceServerInfo: (_, resource) => {
        if (!(resource in audiences)) throw new Error("unknown resource");
        return { ...audiences[resource], scope: "", accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } };
      },
    },
  },
  ttl: { ClientCredentials: (_, token) => token.resourceServer?.accessTokenTTL ?? 600 },
  formats: {
    customizers: {
      jwt: (_, token, jwt) => Object.assign(jwt.payload, identities[token.clientId](ISSUER)),
    },
  },
});
provider.on("server_error", (_, error) => console.error(error));

const server = provider.listen(Number(PORT), "127.0.0.1", () => console.log(`identity provider at ${ISSUER}`));
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => server.close(() => process.exit(0)) && server.closeAllConnections());
}
