import { expect } from 'chai';
import { sumCounters } from './worker-counts.js';

describe('sumCounters', () => {
  it('sums the samples of each counter over its labels', () => {
    const exposition = `# HELP ihub_messages_received_total Messages read off a connection
# TYPE ihub_messages_received_total counter
ihub_messages_received_total{flow="a",peer="{x} 7"} 12
ihub_messages_received_total{flow="b",peer=""} 1.5e+3
ihub_dead_letters_total{flow="a",code="X"} 2
ihub_messages_received_totals 99
process_cpu_seconds_total 5
`;
    expect(sumCounters(exposition)).to.include({ received: 1512, deadLetters: 2, sent: 0 });
  });

  it('tells how often each code came', () => {
    const exposition = `ihub_dead_letters_total{flow="a",stage="x",code="BAD"} 2
ihub_dead_letters_total{flow="b",stage="x",code="BAD"} 1
ihub_dead_letters_total{flow="b",stage="x",code="WORSE"} 1
ihub_messages_sent_total{flow="a",destination="d"} 7
`;
    expect(sumCounters(exposition).codes).to.deep.equal({ deadLetters: { BAD: 3, WORSE: 1 } });
  });
});
