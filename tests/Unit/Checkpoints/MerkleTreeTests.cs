using System.Security.Cryptography;
using AccessPlane.Contracts.Evidence;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace AccessPlane.Tests.Unit.Checkpoints;

/// <summary>The tree beside one that is written down as RFC 6962 defines it, without a thought of speed.</summary>
public sealed class MerkleTreeTests
{
    private static readonly Arbitrary<byte[][]> Leaves =
        (from size in Gen.Choose(0, 70) from texts in Gen.Choose(0, 1_000_000).ArrayOf(size) select texts.Select(t => MerkleTree.Leaf($"{t}")).ToArray()).ToArbitrary();

    private static void Holds(Func<byte[][], bool> property) => Prop.ForAll(Leaves, property).Check(Config.QuickThrowOnFailure.WithMaxTest(120));

    /// <summary>RFC 6962 §2.1: k is the largest power of two smaller than n.</summary>
    private static byte[] Naive(ReadOnlySpan<byte[]> leaves)
    {
        if (leaves.Length <= 1)
        {
            return leaves.Length == 0 ? SHA256.HashData([]) : leaves[0];
        }
        var k = Split(leaves.Length);
        return SHA256.HashData([1, .. Naive(leaves[..k]), .. Naive(leaves[k..])]);
    }

    /// <summary>RFC 6962 §2.1.1.</summary>
    private static List<byte[]> NaivePath(int index, ReadOnlySpan<byte[]> leaves)
    {
        if (leaves.Length == 1)
        {
            return [];
        }
        var k = Split(leaves.Length);
        return index < k ? [.. NaivePath(index, leaves[..k]), Naive(leaves[k..])] : [.. NaivePath(index - k, leaves[k..]), Naive(leaves[..k])];
    }

    private static int Split(int n)
    {
        var k = 1;
        while (k * 2 < n)
        {
            k *= 2;
        }
        return k;
    }

    [Fact]
    public void The_root_is_the_one_that_the_definition_gives() => Holds(leaves => new MerkleTree(leaves).Root.SequenceEqual(Naive(leaves)));

    [Fact]
    public void Every_path_is_the_one_that_the_definition_gives() => Holds(leaves =>
    {
        var tree = new MerkleTree(leaves);
        return Enumerable.Range(0, leaves.Length).All(i =>
            tree.Path(i).Select(Convert.ToHexString).SequenceEqual(NaivePath(i, leaves).Select(Convert.ToHexString)));
    });

    [Fact]
    public void Any_other_leaf_order_or_number_of_leaves_gives_another_root() => Holds(leaves =>
    {
        var root = Convert.ToHexString(new MerkleTree(leaves).Root);
        byte[][][] others = leaves.Length == 0
            ? [[MerkleTree.Leaf("one")]]
            : [leaves[1..], [.. leaves, leaves[^1]], [MerkleTree.Leaf("another"), .. leaves[1..]], leaves.Distinct().Count() > 1 ? [leaves[^1], .. leaves[..^1]] : leaves[1..]];
        return others.All(o => o.Select(Convert.ToHexString).SequenceEqual(leaves.Select(Convert.ToHexString)) || Convert.ToHexString(new MerkleTree(o).Root) != root);
    });

    [Fact]
    public void Leaves_and_nodes_cannot_pass_for_each_other()
    {
        var (left, right) = (MerkleTree.Leaf("left"), MerkleTree.Leaf("right"));
        Assert.Equal(SHA256.HashData([0, .. "left"u8]), left);
        Assert.Equal(SHA256.HashData([1, .. left, .. right]), MerkleTree.Node(left, right));
    }

    /// <summary>The test vectors of the Certificate Transparency log's own implementation.</summary>
    [Theory]
    [InlineData(0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData(1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")]
    [InlineData(8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")]
    public void The_trees_of_certificate_transparency_have_the_same_roots(int size, string root)
    {
        string[] leaves = ["", "\0", "\x10", " !", "01", "@ABC", "PQRSTUVW", "`abcdefghijklmno"];
        Assert.Equal(root, Convert.ToHexStringLower(new MerkleTree([.. leaves[..size].Select(MerkleTree.Leaf)]).Root));
    }
}
