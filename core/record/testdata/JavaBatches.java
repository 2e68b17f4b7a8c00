// Prints the batches of java_batches.txt as the Java client writes them. To make that file anew, with
// kafka-clients 4.1.1 and its dependencies (lz4-java, snappy-java, zstd-jni, slf4j-api) in the directory JARS:
//   java -cp 'JARS/*' JavaBatches.java > java_batches.txt
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;

public class JavaBatches {
  static byte[] utf8(String s) { return s.getBytes(StandardCharsets.UTF_8); }

  static String hex(ByteBuffer buffer) {
    StringBuilder text = new StringBuilder();
    for (ByteBuffer b = buffer.duplicate(); b.hasRemaining(); ) text.append(String.format("%02x", b.get()));
    return text.toString();
  }

  public static void main(String[] arguments) {
    for (CompressionType type : new CompressionType[] {CompressionType.NONE, CompressionType.GZIP,
             CompressionType.SNAPPY, CompressionType.LZ4, CompressionType.ZSTD}) {
      MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), (byte) 2,
          Compression.of(type).build(), TimestampType.CREATE_TIME, 40L, -1L, 12345L, (short) 6, 2147483646,
          true, 9);
      builder.append(1700000000000L, utf8("key-1"), utf8("value-1"),
          new Header[] {new RecordHeader("h\u00e9", utf8("x")), new RecordHeader("none", (byte[]) null)});
      builder.append(1699999999000L, null, utf8("a".repeat(100)), new Header[0]);
      builder.append(1700000005000L, utf8(""), null, new Header[0]);
      System.out.println(type.name + " " + hex(builder.build().buffer()));
    }
    System.out.println("marker " + hex(MemoryRecords.withEndTransactionMarker(7L, 1700000000000L, 3, 12345L,
        (short) 6, new org.apache.kafka.common.record.EndTransactionMarker(
            org.apache.kafka.common.record.ControlRecordType.COMMIT, 21)).buffer()));
  }
}
