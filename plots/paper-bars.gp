# SPDX-License-Identifier: GPL-2.0
# A figure of a paper with bars: per panel two frames, as printed (left) and ours (right); a group of
# bars per configuration, in it a bar per series.
#
# `exitlab paper` writes the variables of one item before this text and keeps the whole as a .gp file
# beside the plot, to be edited and run again (gnuplot 5.2 or later). It expects:
#   base                 name of the output without .svg and .png
#   data                 file with two blocks (index) per panel, theirs and ours: the name of the group,
#                        then value, low, high, place and text of a label per series
#   heading note         texts above
#   captions caption[]   lines below
#   panels               how many; of each panel_title[], panel_ylabel[], panel_groups[] (how many),
#                        panel_series[] (bars in each), panel_longest[], panel_words[] (of a name,
#                        each on a line), and
#                        panel_max[], panel_values[] of each frame
#   series series_name[] the legend, if there are several
# Fill 3 is solid, 0 empty, others are hatched: apart on paper without colour.

most = 1
longest = 1
words = 1
do for [p = 1:panels] {
	if (panel_groups[p] > most) { most = panel_groups[p] }
	if (panel_longest[p] > longest) { longest = panel_longest[p] }
	if (panel_words[p] > words) { words = panel_words[p] }
}
wide = longest * 7 + 12 > 52 * series ? longest * 7 + 12 : 52 * series
frame_w = most * wide < 300 ? 300 : most * wide
frame_h = 210
left_w = 96
legend_w = series > 1 ? 190 : 10
head_h = 62
title_h = 34
tick_h = 20 + 15 * words
row_h = title_h + frame_h + tick_h
foot_h = 14 + 16 * captions
width = 2 * (left_w + frame_w) + legend_w + 10
if (width < 900) { legend_w = legend_w + 900 - width; width = 900 }
height = head_h + panels * row_h + foot_h
at(y) = 1.0 - y / (1.0 * height)
array colour[6] = ["#606060", "#e0a060", "#80b0d8", "#a0d0a0", "#d0a0c0", "#c0c0c0"]
array fill[6] = [3, 4, 5, 2, 1, 0]
lines(s) = strstrt(s, " ") > 0 ? s[1:strstrt(s, " ")-1] . "\n" . lines(s[strstrt(s, " ")+1:*]) : s
# Where in a group bar s of n stands.
at_bar(group, s, n) = group + (s - (n + 1) / 2.0) * 0.8 / n

do for [format in "svg png"] {
	# Sizes of letters are points in one and pixels in the other.
	pt = format eq "svg" ? 4.0 / 3 : 1.0
	font(size) = sprintf(",%g", size * pt)
	small = font(10)
	tick_font = font(9)
	if (format eq "svg") {
		set terminal svg size width,height font "DejaVu Sans,13.3" background "white" noenhanced
	} else {
		if (strstrt(GPVAL_TERMINALS, "pngcairo") > 0) {
			set terminal pngcairo size width,height font "DejaVu Sans,10" background "white" noenhanced
		} else {
			set terminal png size width,height font "DejaVuSans,10" background "#ffffff" noenhanced
		}
	}
	set output base . "." . format
	set multiplot
	set border 3 lw 1
	set grid ytics back lt 1 lc rgb "#d8d8d8" lw 0.7
	unset key

	set label 1 heading at screen 12.0/width, at(20) left font font(14)
	set label 2 note at screen 12.0/width, at(44) left font font(10) tc rgb "#404040"
	do for [i = 1:captions] {
		set label 2+i caption[i] at screen 12.0/width, at(height - foot_h + 16 * i) left font font(8.5) tc rgb "#404040"
	}

	do for [p = 1:panels] {
		top = head_h + (p - 1) * row_h + title_h
		set tmargin at screen at(top)
		set bmargin at screen at(top + frame_h)
		do for [f = 1:2] {
			k = 2 * p - 2 + f
			set lmargin at screen ((f - 1) * (left_w + frame_w) + left_w) / (1.0 * width)
			set rmargin at screen (f * (left_w + frame_w) - 6.0) / width
			set title panel_title[p] . (f == 1 ? ", as printed" : ", ours") font font(11) offset 0,-0.5
			set ylabel panel_ylabel[p] font font(10) offset 0.5,0
			high = panel_max[k] > 0 ? panel_max[k] * 1.15 : 1
			set yrange [0:high]
			set xrange [-0.6:panel_groups[p] - 0.4]
			set boxwidth 0.8 / panel_series[p] * 0.92 absolute
			set tics nomirror out scale 0.6
			set ytics autofreq nomirror out
			set xtics nomirror scale 0 font tick_font
			if (panel_values[k] == 0) {
				unset xtics
				unset ytics
				set label 99 (f == 1 ? "not published" : "n/a: see below") at graph 0.5,0.5 center font font(12) tc rgb "#404040"
				plot -1 with lines notitle
				unset label 99
			} else {
				# Where there is no value, words stand on the axis instead of a bar.
				plot data index k-1 using 0:(-1):xtic(lines(stringcolumn(1))) with lines, \
					for [s = 1:panel_series[p]] data index k-1 using (at_bar($0, s, panel_series[p])):(column(5*s-3)) \
					with boxes lc rgb colour[(s-1)%6+1] lw 0.8 fs pattern fill[(s-1)%6+1] border lc rgb "black", \
					for [s = 1:panel_series[p]] data index k-1 using (at_bar($0, s, panel_series[p])):(column(5*s-2) < column(5*s-1) ? column(5*s-2) : NaN):(0):(column(5*s-1) - column(5*s-2)) \
					with vectors heads size graph 0.012,90 lc rgb "black" lw 1.4, \
					for [s = 1:panel_series[p]] data index k-1 using (at_bar($0, s, panel_series[p])):(column(5*s)):(stringcolumn(5*s+1)) \
					with labels offset 0,0.6 font font(9)
			}
			do for [i = 1:captions+2] { unset label i }
		}
	}

	if (series > 1) {
		# The legend is a plot of its own with nothing in it.
		unset title
		unset ylabel
		unset border
		unset tics
		unset grid
		set xrange [0:1]
		set yrange [0:1]
		set lmargin at screen 1.0 - (legend_w - 4.0) / width
		set rmargin at screen 1.0 - 4.0 / width
		set tmargin at screen at(head_h + title_h - 6)
		set bmargin at screen at(head_h + title_h + frame_h)
		set key inside left top Left reverse noinvert samplen 1.6 width 0 spacing 1.35 font small
		plot for [s = 1:series] keyentry with boxes lc rgb colour[(s-1)%6+1] lw 0.8 \
			fs pattern fill[(s-1)%6+1] border lc rgb "black" title series_name[s], \
			-1 with lines notitle
	}
	unset multiplot
	set output
	reset
}
