import { expect } from 'chai';
import { kafkaProperties, kafkaPropertiesText } from './kafka-properties.js';
import { UsageError } from './usage-error.js';

const read = (...lines: string[]) => kafkaProperties(lines.join('\n'), '/etc/kafka/support.properties');
const whole = [
  '# Made by the platform team',
  'bootstrap.servers=kafka-1:9093, kafka-2:9093',
  'security.protocol=SASL_SSL',
  'ssl.ca.location=ca.crt',
  'ssl.certificate.location = /run/user.crt',
  'ssl.key.location=keys/user.key',
  'sasl.mechanism=SCRAM-SHA-256',
  'sasl.username=support',
  'sasl.password.location=password',
];

describe('the properties of a Kafka', () => {
  it('say how it is connected to, with paths beside the file', () => {
    expect(read(...whole)).to.deep.equal({
      bootstrapServers: ['kafka-1:9093', 'kafka-2:9093'],
      tls: {
        caFile: '/etc/kafka/ca.crt',
        certificateFile: '/run/user.crt',
        keyFile: '/etc/kafka/keys/user.key',
      },
      sasl: {
        mechanism: 'SCRAM-SHA-256',
        username: 'support',
        usernameFile: null,
        passwordFile: '/etc/kafka/password',
        allowWithoutTls: false,
      },
    });
    expect(read('security.protocol=SSL').tls).to.deep.equal({
      caFile: null,
      certificateFile: null,
      keyFile: null,
    });
    const plain = read('security.protocol=SASL_PLAINTEXT', 'sasl.username=a', 'sasl.password.location=b');
    expect(plain.tls).to.equal(null);
    expect(plain.sasl).to.include({ mechanism: 'SCRAM-SHA-512', allowWithoutTls: true });
  });

  it('are written so that they say the same elsewhere', () => {
    const { bootstrapServers, ...how } = read(...whole);
    expect(bootstrapServers).to.have.length(2);
    for (const one of [how, read('security.protocol=SSL'), read('')])
      expect(kafkaProperties(kafkaPropertiesText(one), '/elsewhere/file')).to.deep.equal(one);
  });

  const wrong: Record<string, string[]> = {
    'line 1: write name=value': ['ssl.ca.location'],
    'line 2: ssl.truststore.location is none of': ['', 'ssl.truststore.location=x'],
    'line 1: no password stands here': ['sasl.password=x'],
    'is there twice': ['sasl.username=a', 'sasl.username=a'],
    'security.protocol must be one of': ['security.protocol=TLS'],
    'ssl.ca.location belongs to security.protocol=SSL': ['ssl.ca.location=ca.crt'],
    'sasl.username belongs to': ['security.protocol=SSL', 'sasl.username=a'],
    'belong together': ['security.protocol=SSL', 'ssl.key.location=x'],
    'a login needs': ['security.protocol=SASL_SSL', 'sasl.username=a'],
    'sasl.mechanism must be one of': ['security.protocol=SASL_SSL', 'sasl.mechanism=GSSAPI'],
  };
  for (const [sentence, lines] of Object.entries(wrong)) {
    it(`are refused: ${sentence}`, () => expect(() => read(...lines)).to.throw(UsageError, sentence));
  }
});
