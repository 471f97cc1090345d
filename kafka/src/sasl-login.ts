/** How kafkajs is given a login that may change while it is connected. */
import { createRequire } from 'node:module';
import type { AuthenticationProviderArgs, Authenticator, Mechanism } from 'kafkajs';
import type { SaslMechanism } from '@integration-hub/api';
import type { KafkaLogin, KafkaSasl } from './connection.js';

const require = createRequire(import.meta.url);

type Provider = (login: KafkaLogin) => (args: AuthenticationProviderArgs) => Authenticator;

const providers: Record<SaslMechanism, Provider> = {
  'SCRAM-SHA-512': require('kafkajs/src/broker/saslAuthenticator/scram512') as Provider,
  'SCRAM-SHA-256': require('kafkajs/src/broker/saslAuthenticator/scram256') as Provider,
  PLAIN: require('kafkajs/src/broker/saslAuthenticator/plain') as Provider,
};

/** kafkajs keeps the login that it is given first; this has it read anew whenever one is needed. */
export function saslOptions(sasl: KafkaSasl): Mechanism {
  const { mechanism } = sasl;
  return {
    mechanism,
    authenticationProvider: (args) => ({
      authenticate: async () => providers[mechanism](sasl.read())(args).authenticate(),
    }),
  };
}
