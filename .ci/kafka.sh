# Fetches Apache Kafka from Maven Central into a folder, where that succeeds: kafka.sh FOLDER. Without it tests and
# `make tiers-up` use librdkafka's mock cluster, and say so.
set -e
version=4.1.1
to=$1
ls "$to"/kafka_2.13-$version.jar >/dev/null 2>&1 && exit 0
sh "$(dirname "$0")/deps.sh" default-jre-headless maven
part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
cat > "$part/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>quanta</groupId><artifactId>tiers</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>$version</version></dependency></dependencies></project>
END
echo "fetching Apache Kafka $version"
timeout 300 mvn -q -B -f "$part/pom.xml" dependency:copy-dependencies -DoutputDirectory="$part/libs" >/dev/null
mkdir -p "$(dirname "$to")"
rm -rf "$to"
mv "$part/libs" "$to"
