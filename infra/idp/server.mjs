// The development identity provider: a certified OpenID provider with a handful of identities that get tokens by client credentials, a client for
// the web console, where people sign in by saying who they are, and one for command lines, which do so by a code (RFC 8628).
// For the demo and the tests only: here a client is the identity, and one secret opens all of them.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import Provider from "oidc-provider";
import { identities } from "./identities.mjs";
import { devicePages } from "./device.mjs";
import { signInPage } from "./sign-in.mjs";

const { PORT, ISSUER, KEYS, CLIENT_SECRET_FILE, CONSOLE_URL } = process.env;
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
  clients: [
    ...Object.keys(identities).map((name) => ({
      client_id: name,
      client_secret: secret,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: "client_secret_post",
    })),
    {
      client_id: "console",
      client_secret: secret,
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: [`${CONSOLE_URL}/signed-in`],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_post",
    },
    {
      client_id: "accessplane-cli",
      client_name: "the command line of AccessPlane",
      // a program that anybody has keeps no secret
      token_endpoint_auth_method: "none",
      grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
      redirect_uris: [],
      response_types: [],
    },
  ],
  jwks: keys(),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true, charset: "base-20", mask: "****-****", ...devicePages },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:accessplane",
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => {
        if (!(resource in audiences)) throw new Error("unknown resource");
        return { ...audiences[resource], scope: "", accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } };
      },
    },
  },
  cookies: { keys: [secret] },
  interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
  findAccount: (_, name) => ({ accountId: name, claims: () => ({ sub: name, name: identities[name](ISSUER).name }) }),
  // nobody is asked whether the console, or the command line, may know who they are
  loadExistingGrant: async ({ oidc: { provider, client, session } }) => {
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile offline_access");
    await grant.save();
    return grant;
  },
  issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
  ttl: {
    AccessToken: (_, token) => token.resourceServer?.accessTokenTTL ?? 600,
    DeviceCode: 600,
    ClientCredentials: (_, token) => token.resourceServer?.accessTokenTTL ?? 600,
    IdToken: 300,
    Interaction: 600,
    Grant: 43200,
    RefreshToken: 43200,
    Session: 43200,
  },
  formats: {
    customizers: {
      jwt: (_, token, jwt) => Object.assign(jwt.payload, identities[token.accountId ?? token.clientId](ISSUER)),
    },
  },
});
provider.use(signInPage(provider, ISSUER));
provider.on("server_error", (_, error) => console.error(error));

const server = provider.listen(Number(PORT), "127.0.0.1", () => console.log(`identity provider at ${ISSUER}`));
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => server.close(() => process.exit(0)) && server.closeAllConnections());
}
